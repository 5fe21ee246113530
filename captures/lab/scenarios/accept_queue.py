"""A server that accepts nobody fills its queue.

The listener has room for two. The kernel completes that many connections, whose requests are acknowledged and lie unread; the SYNs of the
others meet silence, and are sent again and again. In the form *cookies* several come at once: the kernel answers them with SYN cookies, and
drops what follows for want of room. In *resets*, with tcp_abort_on_overflow, a handshake that finds no room is reset. Fixed, the
server accepts.
"""

from machinery.actors import Server, answers, request
from machinery.lab import Lab

FORMS = {"failing": {}, "cookies": {"at_once": True},
         "resets": {"at_once": True, "backlog": 4, "kernel": {"tcp_abort_on_overflow": 1, "tcp_syncookies": 0}},
         "fixed": {"behaviour": answers()}}


def play(lab: Lab, behaviour=None, at_once: bool = False, backlog: int = 1, kernel: dict | None = None) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=40)
    lab.sysctl(server, **(kernel or {}))
    lab.start(Server(lab, server, 8080, behaviour, backlog=backlog))

    def ask(patience_s: float) -> None:
        connection = lab.connect(client, server, 8080, timeout=patience_s)
        connected = connection.well
        answer = connection.ask(request()) if connected else b""
        lab.note(f"{'connected' if connected else 'not connected'}; {connection.error or 'answered'}")
        if not answer:
            if not connected:
                connection.was("accept_overflow", "dropped", "server", "connect_failed connect_delayed")
            else:
                # A handshake by cookie whose end is dropped leaves a client that believes to be connected, and a server that knows nothing.
                dropped = "nobody acknowledged its requests, and no RST came" if at_once and connection.error == "timeout" else ""
                connection.was("accept_overflow", "unserved" if connection.error == "timeout" else "reset", "server", hidden=dropped)
        connection.close()

    if not at_once:
        lab.together(ask, [5] * 6, stagger_s=0.1)
    else:
        # The first three find room; the others' handshakes come to their end together.
        lab.together(lambda late: (lab.sleep(late), ask(4)), [0] * 3 + [0.5] * 5)
