"""A server that accepts nobody fills its queue.

The listener has room for two. The kernel completes that many connections, whose requests are acknowledged and lie unread; the SYNs of the
others meet silence, and are sent again and again. With tcp_abort_on_overflow a handshake that finds no room is reset. Fixed, the
server accepts.
"""

from machinery.actors import Server, answers, request
from machinery.lab import HEALTHY, Lab, Seen, verdict

FORMS = {"failing": {}, "resets": {"aborts": 1}, "fixed": {"behaviour": answers()}}


def play(lab: Lab, behaviour=None, aborts: int = 0) -> None:
    client, server = lab.hosts("client", "server")
    # Several handshakes are on their way at once: where the queue is full when they come to their end, it is too late for silence.
    lab.wire(client, server, one_way_ms=40)
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.record()
    if aborts:
        lab.sysctl(server, tcp_abort_on_overflow=aborts)
    shop = Server(lab, server, 8080, behaviour, backlog=1)
    lab.start(shop)

    def ask(patience_s: float) -> None:
        connection = lab.connect(client, server, 8080, timeout=patience_s)
        connected = connection.well
        answer = connection.ask(request()) if connected else b""
        lab.note(f"{'connected' if connected else 'not connected'}; {connection.error or 'answered'}")
        if not answer:
            connection.judged_by(lambda seen: what_became(seen, connected, connection.error))
        connection.close()

    def what_became(seen: Seen, connected: bool, error: str):
        if connected and error == "timeout":
            return verdict("accept_overflow", "unserved", fault="server")
        if error == "timeout":
            return verdict("accept_overflow", "dropped", fault="server", impact="connect_failed connect_delayed")
        return verdict("accept_overflow", "reset", fault="server")

    lab.together(ask, [5] * 6, stagger_s=0 if aborts else 0.1)
