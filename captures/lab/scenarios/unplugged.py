"""A host vanishes from the network: what its peers notice, and when.

Somebody pulls the plug of a database. A client that is idle with TCP keep-alive on probes, hears nothing, and resets (*probing*). One in
the middle of an exchange repeats its data until TCP_USER_TIMEOUT is over, and gives up in silence (*sending*). A new one is told by the
last router that the host is unreachable (*connecting*); where a firewall swallows the SYNs instead, it waits until it gives up, too
(*filtered*). In the form *blip* the plug is back in time, and nothing is lost.
"""

import socket
import threading

from machinery import rules
from machinery.actors import Server, answers, request
from machinery.lab import Connection, Lab

FORMS = {
    "probing": {"what": "probing"},
    "sending": {"what": "sending"},
    "connecting": {"what": "connecting"},
    "filtered": {"what": "connecting", "filters": True},
    "blip": {"what": "sending", "back": True},
}


def play(lab: Lab, what: str, filters: bool = False, back: bool = False) -> None:
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
        if filters:
            lab.chain(router, "filter", "forward", "tcp flags syn drop")
        else:
            rules.unplug(database)
        for _ in range(2):
            connection = lab.connect(client, database, 5432, timeout=20)
            lab.note(f"connect: {connection.error}")
            if connection.error == "EHOSTUNREACH":
                connection.was("connection_refused", "icmp", "server path unknown", "connect_failed")
            else:
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

    gone = threading.Event()
    connections = [dial(number) for number in range(3)]

    def go_on(connection: Connection) -> None:
        while what == "sending" and connection is not connections[0] and not gone.is_set():
            connection.ask(request())
            lab.sleep(0.1)
        gone.wait()
        if what == "probing":
            connection.receive()
            connection.was("keepalive_probe_timeout", impact="none unknown")
        elif not connection.ask(request()):
            connection.was("retransmission_timeout", impact="request_lost")
        lab.note(f"{what}: {connection.error or 'answered in the end'}")

    def plug() -> None:
        lab.sleep(1)
        rules.unplug(database)
        gone.set()
        lab.sleep(1)
        if back:
            rules.plug_in(database)

    lab.together(lambda act: act(), [*(lambda one=one: go_on(one) for one in connections), plug])
