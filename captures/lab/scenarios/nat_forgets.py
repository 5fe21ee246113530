"""A NAT forgets idle connections and gives their ports to others.

Workers keep connections to their broker through a NAT that forgets what was idle for 2 s. Where it has few ports, a new connection gets
the port of a forgotten one, which the broker still holds: its SYN is answered by an ACK of the old connection, the worker's kernel resets
that, and the RST ends the old connection (*taken_over*). A forgotten worker that speaks again leaves the NAT from another port, where the
broker knows nobody: a RST, too (*speaks*). Fixed, the workers send TCP keep-alives, and the NAT forgets nobody.
"""

import time
from typing import Callable

from machinery.actors import Server, answers, request
from machinery.judging import RETRIED
from machinery.lab import HEALTHY, Lab, Seen, Verdict, verdict

# Not among the ports that clients choose by themselves: a NAT keeps a port where it may.
FEW, MANY = "10000-10003", "10000-19999"
FORMS = {"taken_over": {"ports": FEW, "speaks": False}, "speaks": {"ports": MANY, "speaks": True},
         "fixed": {"ports": FEW, "speaks": True, "probes": True}}


def play(lab: Lab, ports: str, speaks: bool, probes: bool = False) -> None:
    worker, = lab.hosts("worker")
    nat = lab.router("nat")
    broker, = lab.hosts("broker")
    lab.wire(worker, nat)
    lab.wire(nat, broker, one_way_ms=10)
    lab.chain(nat, "nat", "postrouting", f"ip protocol tcp masquerade to :{ports}")
    lab.sysctl(nat, netfilter__nf_conntrack_tcp_timeout_established=2, netfilter__nf_conntrack_tcp_timeout_close=1,
               netfilter__nf_conntrack_tcp_timeout_time_wait=1)
    lab.vantage("worker", worker)
    lab.vantage("broker", broker)
    lab.vantage("both", worker, broker)
    lab.record()
    service = lab.start(Server(lab, broker, 5672, answers()))

    def outside(seen: Seen) -> bool:
        return not seen.source.startswith(worker.address)

    def taken_over(served: set[str]) -> Callable[[Seen], Verdict]:
        """About a connection whose request was answered to `served`, as the broker saw it."""
        def rule(seen: Seen) -> Verdict:
            if not seen.reset_by(worker, "TCP_INVALID_ACK_SEQUENCE", "SYN_SENT"):
                return HEALTHY
            # The NAT may give the second SYN another port: outside it is another stream.
            retried = not outside(seen) or seen.source in served
            return verdict("half_open_collision", RETRIED if retried else "reset", "middlebox", "connect_delayed")
        return rule

    def forgotten(seen: Seen) -> Verdict:
        # What comes from another port is another stream outside.
        return HEALTHY if outside(seen) else verdict("idle_state_lost", "peer", impact="request_lost")

    idle = []
    for _ in range(3):
        idle.append(lab.connect(worker, broker, 5672))
        if probes:
            idle[-1].probe(1)
        for pause in (0, 0.2, 0.3):
            lab.sleep(pause)
            idle[-1].ask(request())
    held = list(service.peers.values())
    lab.sleep(3)
    for _ in range(6 if speaks else 15):
        began = time.time()
        connection = lab.connect(worker, broker, 5672)
        assert connection.ask(request()), connection.error
        served = {source for source, peer in service.peers.items() if peer.deeds and peer.deeds[0].when > began}
        connection.judged_by(taken_over(served))
        connection.close()
        lab.sleep(0.2)
        if all(peer.gone for peer in held):
            break
    for connection in idle:
        if speaks and not connection.ask(request()):
            lab.note(f"the next request on an idle connection: {connection.error}")
            connection.judged_by(forgotten)
        connection.close()
