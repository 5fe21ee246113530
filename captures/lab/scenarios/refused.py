"""Connects are refused: nobody listens, or a rule says no.

A service was stopped and its port is closed: the host's kernel answers the SYN with a RST (*closed*). A router's rule refuses with an
ICMP error that quotes the SYN (*icmp*), or with a RST in the server's name (*rule*). Fixed, somebody listens (*fixed*).
"""

from machinery.actors import Server, answers, request
from machinery.lab import Lab

FORMS = {
    "closed": {"variant": "reset", "rule": ""},
    "icmp": {"variant": "icmp", "rule": "reject with icmp type admin-prohibited"},
    "rule": {"variant": "reset", "rule": "reject with tcp reset"},
    "fixed": {"variant": "", "rule": ""},
}


def play(lab: Lab, variant: str, rule: str) -> None:
    client, server = lab.hosts("client", "server")
    router = lab.router("router")
    lab.wire(client, router)
    lab.wire(router, server, one_way_ms=10)
    if rule:
        lab.chain(router, "filter", "forward", f"tcp dport 8080 {rule}")
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.record()
    lab.start(Server(lab, server, 8081, answers()))
    if rule or not variant:
        lab.start(Server(lab, server, 8080, answers()))
    for port in (8081, 8080, 8080, 8081):
        connection = lab.connect(client, server, port)
        answered = connection.ask(request()) if connection.well else b""
        lab.note(f"port {port}: {connection.error or 'answered'}")
        if not answered:
            connection.was("connection_refused", variant, impact="connect_failed")
        connection.close()
        lab.sleep(0.2)
