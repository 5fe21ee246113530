"""A gateway gives a port out again while the server still holds its last connection in TIME_WAIT.

HAProxy reaches its server through a gateway that translates all sources to one address and four ports, and forgets a closed connection
after a second. The server closes first, and remembers for a minute. The next connection on the same port comes from another port of the
balancer's, so its sequence number has nothing to do with the last one's: half of the time it lies below, and the SYN is answered by an
ACK of old numbers, which the balancer's kernel resets. It tries again at once, and the gateway gives that SYN another port.

Timestamps let the server tell new from old (*on*), unless one end has them off (*off*), or the gateway takes them out (*stripped*), or they
don't grow from one connection to the next: with net.ipv4.tcp_timestamps=1 this Linux adds an offset of each connection's own (*offsets*).
Where a firewall lets no ACK through that answers a SYN (*blocked*), connects fail. What helps in any case are ports enough, kept for longer
than a TIME_WAIT (*patient*).
"""

import time

from machinery import rules
from machinery.actors import Server, answers_once, request
from machinery.judging import RETRIED
from machinery.lab import HEALTHY, Lab, Seen, Verdict, verdict
from products.haproxy import HAProxy

PRODUCTS = (HAProxy,)
FORMS = {
    "off": {"timestamps": 0},
    "on": {"timestamps": 2},
    "offsets": {"timestamps": 1},
    "stripped": {"timestamps": 2, "strips": True},
    "blocked": {"timestamps": 0, "blocks": True},
    "patient": {"timestamps": 0, "ports": "40000-40999", "keeps_port_s": 120},
}


def play(lab: Lab, timestamps: int, ports: str = "40000-40003", keeps_port_s: int = 1, strips: bool = False, blocks: bool = False) -> None:
    client, balancer = lab.hosts("client", "balancer")
    gateway = lab.router("gateway")
    server, = lab.hosts("server")
    lab.wire(client, balancer)
    lab.wire(balancer, gateway)
    lab.wire(gateway, server, one_way_ms=5)
    lab.sysctl(balancer, tcp_timestamps=timestamps)
    lab.chain(gateway, "nat", "postrouting", f"ip protocol tcp masquerade to :{ports}")
    if strips:
        lab.chain(gateway, "filter", "forward", "tcp flags & syn == syn reset tcp option timestamp")
    if blocks:
        lab.chain(gateway, "filter", "forward", *rules.NO_ACK_TO_A_SYN)
    lab.sysctl(gateway, netfilter__nf_conntrack_tcp_timeout_time_wait=keeps_port_s, netfilter__nf_conntrack_tcp_timeout_close=keeps_port_s)
    lab.vantage("client", client)
    lab.vantage("balancer", balancer.towards(gateway))
    lab.vantage("server", server)
    lab.vantage("both", balancer.towards(gateway), server)
    lab.record()
    shop = lab.start(Server(lab, server, 9000, answers_once()))
    lab.start(HAProxy(balancer, 8080, f"{server.address}:9000", mode="tcp", timeouts={"connect": 3.5}, backend=("retries 0",)))

    turns = []  # when it began, whether it was answered, which peers the server held in TIME_WAIT before, and which it answered
    for _ in range(10 if blocks else 16):
        held = set(server.run("ss", "-Htan", "state", "time-wait").split()[3::4])
        began = time.time()
        connection = lab.connect(client, balancer, 8080)
        answered = bool(connection.ask(request(100)))
        served = {source for source, peer in shop.peers.items() if peer.deeds and peer.deeds[0].when > began}
        turns.append((began, answered, held, served))
        if not answered:
            # HAProxy took the request: how far it came can't be seen.
            connection.was("response_timeout", impact="request_lost response_lost")
        connection.close()
        lab.sleep(0.4)
    lab.note(f"{sum(turn[1] for turn in turns)} of {len(turns)} requests were answered")

    def leg(seen: Seen) -> Verdict:
        _, answered, held, served = max(turn for turn in turns if turn[0] <= seen.opened)
        outside = seen.source.startswith(gateway.address_towards(server))
        options = "" if not strips else "timestamp_stripped" if outside else "timestamp_declined"
        if not answered:
            if seen.vantage == "balancer":
                return verdict("retransmission_timeout accept_overflow", impact="connect_failed")  # the ACKs don't come that far
            if not outside:
                # Of that leg the same is true; who sees the other one, too, may tell from there.
                return verdict("retransmission_timeout time_wait_collision", impact="connect_failed")
            return verdict("time_wait_collision", "blocked", "middlebox", "connect_failed", also=options)
        if seen.reset_by(balancer, "TCP_INVALID_ACK_SEQUENCE", "SYN_SENT"):
            # The SYN that is accepted in the end may leave the gateway from another port.
            retried = not outside or seen.source in served
            return verdict("time_wait_collision", RETRIED if retried else "reset", "middlebox", "connect_delayed", also=options)
        if outside and seen.source in held:
            return verdict("time_wait_reuse", also=options)
        return verdict(options) if options else HEALTHY

    lab.judge(balancer, server, leg)
