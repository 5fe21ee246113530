"""Requests on connections that were idle for long are acknowledged, and nobody reads them.

A server keeps its sessions in a table and forgets those that were idle for 2 s, but leaves their sockets open. The kernel goes on
acknowledging what comes. When somebody clears the sockets up, 1.5 s after such a request, its unread bytes make a RST of that close;
in the form *closed* something reads them first, and there is a FIN. Fixed, the server closes what it forgets.
"""

from machinery.actors import Server, answers, forgets_idle, request
from machinery.lab import Lab

FORGETS = {"idle_s": 2, "then_s": 1.5}
FORMS = {"failing": {"behaviour": forgets_idle(**FORGETS), "variant": "reset"},
         "closed": {"behaviour": forgets_idle(**FORGETS, reads=True), "variant": "closed"},
         "fixed": {"behaviour": answers(keep_alive_s=2), "variant": ""}}


def play(lab: Lab, behaviour, variant: str) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=5)
    sessions = lab.start(Server(lab, server, 8080, behaviour))

    def use(gaps: tuple[float, ...]) -> None:
        connection = lab.connect(client, server, 8080)
        for gap in (0, *gaps):
            lab.sleep(gap)
            if connection.peer_has_closed():
                break  # a client that looks
            if not connection.ask(request()):
                lab.note(f"after a pause of {gap:g} s: {connection.error or 'closed without an answer'}")
                connection.was("dead_keepalive", variant, impact="request_lost")
                break
        connection.close()

    lab.together(use, [(), (0.3, 0.6), (1.0, 1.2, 0.4), (1.5,), (2.6,), (0.5, 3.0), (2.3,)], stagger_s=0.1)
    assert len(sessions.peers) == 7
