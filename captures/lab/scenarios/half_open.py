"""A host crashes, comes back, and takes the port of a connection that its server still holds.

Each worker opens its connection from a port of its own. The host loses its power: nobody says goodbye, and the server goes on holding
the connections. Back again, the workers dial from the same ports. The server answers each SYN with an ACK of the old connection (RFC
5961), which the client's kernel resets; that RST clears the old connection away, and the second SYN is let in. A firewall that has
forgotten the connection, and lets no ACK through that answers a SYN, makes an outage of it (*blocked*). TCP keep-alive at the server
finds the old connections dead before (*fixed*): its probes go unanswered while the host is down.
"""

from machinery import rules
from machinery.actors import Server, answers, request
from machinery.judging import RETRIED
from machinery.lab import Connection, Lab, verdict

FORMS = {
    "failing": {},
    "blocked": {"blocks": True},
    "fixed": {"probes": True},
}


def play(lab: Lab, blocks: bool = False, probes: bool = False) -> None:
    client, server = lab.hosts("client", "server")
    firewall = lab.router("firewall")
    lab.wire(client, firewall)
    lab.wire(firewall, server, one_way_ms=10)
    if blocks:
        lab.chain(firewall, "filter", "forward", *rules.NO_ACK_TO_A_SYN)
        lab.sysctl(firewall, netfilter__nf_conntrack_tcp_timeout_established=1)
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.vantage("both", client, server)
    lab.record()
    service = lab.start(Server(lab, server, 5432, answers()))

    def dial(port: int) -> Connection:
        connection = lab.connect(client, server, 5432, source_port=port, timeout=5)
        connection.ask(request())
        return connection

    ports = range(40000, 40004)
    before = [dial(port) for port in ports]
    if probes:
        for connection in before:
            service.peer_of(connection).probe(1, 1, 2)
            connection.was("keepalive_probe_timeout", impact="none unknown")
    for connection in before:
        connection.vanish()
    rules.unplug(client)
    lab.sleep(4.5)
    rules.plug_in(client)

    def redial(port: int) -> None:
        connection = dial(port)
        lab.note(f"dialled again from port {port}: {connection.error or 'served'}")
        if not connection.well:
            # Outside of the firewall nobody sees what the server answers.
            silence = verdict("half_open_collision retransmission_timeout accept_overflow", impact="connect_failed")
            connection.was("half_open_collision", "blocked", impact="connect_failed", seen_from={"client": silence})
        elif not probes:
            # From the server it might as well be a NAT that forgot it.
            connection.was("half_open_collision", RETRIED, "client", "connect_delayed",
                           seen_from={"server": verdict("half_open_collision", RETRIED, "client middlebox", "connect_delayed")})
        connection.close()

    lab.together(redial, ports)
