"""A firewall forgets idle connections.

A pool keeps connections to its database through a firewall that forgets what was idle for 2 s. The next query on such a connection is
out of state: the firewall rejects it with a RST in the database's name (*rejects*), or drops it without a word (*drops*), while new
connections work. Another kind of device tells both ends as it forgets (*tells*), so that the pool can look. Fixed, the pool sends TCP
keep-alives every second (*fixed*).
"""

from machinery import wire
from machinery.actors import Server, answers, request
from machinery.lab import HEALTHY, Lab

FORMS = {
    "rejects": {"rule": "ct state invalid reject with tcp reset"},
    "drops": {"rule": "ct state invalid drop"},
    "tells": {"rule": ""},
    "fixed": {"rule": "ct state invalid reject with tcp reset", "probes": True},
}


def play(lab: Lab, rule: str, probes: bool = False) -> None:
    client, database = lab.hosts("client", "database")
    firewall = lab.router("firewall")
    lab.wire(client, firewall)
    lab.wire(firewall, database, one_way_ms=10, device=None if rule else wire.ForgetsIdle(2, "tells_both", ttl=254))
    if rule:
        lab.chain(firewall, "filter", "forward", rule)
        # What is out of state must not be taken up again.
        lab.sysctl(firewall, netfilter__nf_conntrack_tcp_timeout_established=2, netfilter__nf_conntrack_tcp_loose=0)
    lab.vantage("client", client)
    lab.vantage("database", database)
    lab.vantage("both", client, database)
    lab.record()
    lab.start(Server(lab, database, 5432, answers()))

    def use(pauses: tuple[float, ...]) -> None:
        connection = lab.connect(client, database, 5432, timeout=4)
        if probes:
            connection.probe(1)
        connection.ask(request())
        for pause in pauses:
            lab.sleep(pause)
            if connection.peer_has_closed():
                lab.note(f"idle for {pause:g} s: it had been reset")
                connection.was("idle_reset", "both_ends one_end", impact="none")
                break
            if not connection.ask(request()):
                lab.note(f"idle for {pause:g} s: {connection.error}")
                cause = "idle_state_lost" if connection.error == "ECONNRESET" else "idle_blackhole"
                connection.was(cause, "middlebox" if cause == "idle_state_lost" else "", "middlebox", "request_lost",
                               seen_from={"database": HEALTHY})  # nothing of it arrives there
                break
        connection.close()

    lab.together(use, [(0.5, 1.0, 1.5), (1.0, 3.5), (3.0,), (0.3, 4.0), (1.2, 1.4, 1.0), (3.2, 1.0), ()], stagger_s=0.1)
    lab.together(use, [(), (0.5,)])
