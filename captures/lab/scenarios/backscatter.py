"""Somebody sends SYNs in another host's name, and that host answers the SYN-ACKs with resets.

An attacker forges the victim's address. The server answers the victim, whose kernel has asked for nothing and resets. Seen from the
server it looks like a scan: SYN, SYN-ACK, RST. In the form *genuine* the victim asks for itself.
"""

import socket

from machinery.actors import Server, answers, request
from machinery.lab import Lab, Seen, Verdict, verdict
from machinery.wire import syn

FORMS = {"forged": {"forged": 5}, "genuine": {"forged": 0}}


def play(lab: Lab, forged: int) -> None:
    victim, attacker = lab.hosts("victim", "attacker")
    router = lab.router("router")
    server, = lab.hosts("server")
    lab.wire(victim, router, one_way_ms=5)
    lab.wire(attacker, router)
    lab.wire(router, server, one_way_ms=10)
    lab.vantage("victim", victim)
    lab.vantage("server", server)
    lab.record()
    lab.start(Server(lab, server, 8080, answers()))
    with attacker:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def backscatter(seen: Seen) -> Verdict:
        assert seen.reset_by(victim, "NO_SOCKET")
        return verdict("syn_ack_rejected" if seen.vantage == "victim" else "handshake_probe", impact="none")

    for number in range(5):
        connection = lab.connect(victim, server, 8080)
        assert connection.ask(request()), connection.error
        connection.close()
        if number < forged:
            port = lab.random.randrange(10000, 30000)
            lab.stray(f"{victim.address}:{port}", f"{server.address}:8080", backscatter)
            raw.sendto(syn(victim.address, server.address, port, 8080, lab.random.randrange(1 << 32)), (server.address, 0))
        lab.sleep(0.2)
