"""An application's pool keeps sessions for longer than the databases do.

Redis closes a session that was idle for 2 s without a word, PostgreSQL with a message that says so. The pool doesn't look before it takes a
session out: its next query meets a server that has closed, is answered by a RST, and is lost. In the form *looking*, it looks first and
opens another session; a query that crosses the close is lost all the same. Fixed, the databases keep sessions longer than the pool does.
"""

from machinery.actors import late_request
from machinery.lab import Lab
from products.postgresql import PostgreSql
from products.redis import Redis

PRODUCTS = (PostgreSql, Redis)
FORMS = {"failing": {"keeps_s": 2}, "looking": {"keeps_s": 2, "looks": True}, "fixed": {"keeps_s": 60}}


def play(lab: Lab, keeps_s: float, looks: bool = False) -> None:
    application, server = lab.two_hosts("application", "server", one_way_ms=15)
    databases = [lab.start(Redis(server, timeout_s=keeps_s)), lab.start(PostgreSql(server, idle_session_timeout_s=keeps_s))]

    def use(database, pauses: tuple[float, ...]) -> None:
        session = lab.connect(application, server, database.port)
        assert database.greets(session) and database.asks(session), session.error
        for pause in pauses:
            lab.sleep(pause)
            knew = session.peer_has_closed()
            if looks and knew:
                break
            if not database.asks(session, 2000):
                lab.note(f"{database.name}, after a pause of {pause:g} s: {session.error or 'closed without an answer'}")
                session.judged_by(late_request(server, knew))
                break
        session.close()

    pauses = [(0.3, 0.6, 0.2), (1.2, 4.0), (0.5, 1.0, 0.7, 3.5), (4.2,), (1.4, 1.3), (0.8, 5.0)]
    lab.together(lambda both: use(*both), [(database, some) for database in databases for some in pauses], stagger_s=0.11)
