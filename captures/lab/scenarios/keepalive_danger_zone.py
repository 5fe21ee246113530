"""A client keeps connections longer than their server does, and has been lucky so far.

A server closes a connection that was idle for 2 s; the client's pool keeps it for much longer. Requests after 1.9 s are answered, by luck:
some milliseconds later they would have met the close. Other connections are closed while the client sits on them. Nothing broke
yet. Fixed, the client lets go first.
"""

from machinery.actors import Server, answers, request
from machinery.lab import Lab

FORMS = {"failing": {"client_keeps_s": 30}, "fixed": {"client_keeps_s": 1}}
SERVER_KEEPS_S = 2


def play(lab: Lab, client_keeps_s: float) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=30)
    lab.start(Server(lab, server, 8080, answers(keep_alive_s=SERVER_KEEPS_S)))

    if client_keeps_s > SERVER_KEEPS_S:
        lab.habit("keepalive_mismatch", server, 8080)

    def use(idle_s: float) -> None:
        connection = lab.connect(client, server, 8080)
        connection.ask(request())
        lab.sleep(min(idle_s, client_keeps_s))
        if idle_s <= client_keeps_s and not connection.peer_has_closed():
            assert connection.ask(request()), connection.error
        connection.close()

    lab.together(use, [0.2, 0.5, 1.9, 1.91, 1.9, 1.92, 3, 3.2, 3.5, 4], stagger_s=0.2)
