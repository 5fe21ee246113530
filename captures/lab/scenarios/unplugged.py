"""A host vanishes from the network: what its peers notice, and when.

Somebody pulls the plug of a database. A client that is idle with TCP keep-alive on probes, hears nothing, and resets (*probing*). One in
the middle of an exchange repeats its data until TCP_USER_TIMEOUT is over (*sending*), and a new one repeats its SYN (*connecting*): both
give up in silence. In the form *blip* the plug is back in time, and nothing is lost.
"""

import socket

from machinery import rules
from machinery.actors import Server, answers, request
from machinery.lab import Connection, Lab

FORMS = {"probing": {"what": "probing"}, "sending": {"what": "sending"}, "connecting": {"what": "connecting"}, "blip": {"what": "sending", "back": True}}


def play(lab: Lab, what: str, back: bool = False) -> None:
    client, database = lab.hosts("client", "database")
    router = lab.router("router")
    lab.wire(client, router)
    lab.wire(router, database, one_way_ms=10)
    lab.sysctl(client, tcp_syn_retries=2, tcp_syn_linear_timeouts=0)
    lab.vantage("client", client)
    lab.vantage("database", database)
    lab.record()
    lab.start(Server(lab, database, 5432, answers()))
    if what == "connecting":
        rules.unplug(database)
        for _ in range(2):
            connection = lab.connect(client, database, 5432, timeout=20)
            lab.note(f"connect: {connection.error}")
            connection.was("retransmission_timeout", impact="connect_failed")
        return

    def dial(_) -> Connection:
        connection = lab.connect(client, database, 5432, timeout=20)
        if what == "probing":
            connection.probe(1, 1, 3)
        else:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000)
        for _ in range(4):
            connection.ask(request())
            lab.sleep(0.1)
        return connection

    connections = [dial(number) for number in range(3)]
    rules.unplug(database)

    def go_on(connection: Connection) -> None:
        if what == "probing":
            connection.receive()
            connection.was("keepalive_probe_timeout", impact="none unknown")
        elif not connection.ask(request()):
            connection.was("retransmission_timeout", impact="request_lost")
        lab.note(f"{what}: {connection.error or 'answered in the end'}")

    def plug() -> None:
        lab.sleep(1)
        if back:
            rules.plug_in(database)

    lab.together(lambda act: act(), [*(lambda one=one: go_on(one) for one in connections), plug])
