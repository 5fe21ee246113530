"""What becomes of TCP timestamps on the way.

A device takes the option out of every SYN and SYN-ACK (*removed*), or writes NOPs over it (*padded*), or only those of the server's
(*one_way*), so that the server believes they are agreed on and the client doesn't. Or the server has them off (*declined*). Nothing breaks
of it; what may is told in the other stories. In the form *on* nobody meddles.
"""

from machinery import wire
from machinery.actors import Server, answers, request
from machinery.lab import HEALTHY, Lab, verdict

FORMS = {
    "removed": {"device": {"only_syn": True}},
    "padded": {"device": {"only_syn": True, "padded": True}},
    "one_way": {"device": {"only_syn": True, "sides": (1,)}},
    "declined": {"declines": True},
    "on": {},
}


def play(lab: Lab, device: dict | None = None, declines: bool = False) -> None:
    client, server = lab.hosts("client", "server")
    lab.wire(client, server, one_way_ms=10, device=wire.StripsTimestamps(**device) if device else None)
    if declines:
        lab.sysctl(server, tcp_timestamps=0)
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.vantage("both", client, server)
    lab.record()
    lab.start(Server(lab, server, 8080, answers()))
    for _ in range(4):
        connection = lab.connect(client, server, 8080)
        for _ in range(3):
            assert connection.ask(request(2000)), connection.error
        if declines:
            connection.was("timestamp_declined")
        elif device and "sides" in device:
            # The client can't tell who left it out of the SYN-ACK, until stamped segments follow.
            connection.was("timestamp_stripped", "one_direction both_sides_seen", "middlebox", "none")
        elif device:
            at_server = verdict("timestamp_stripped", "nop_padding", "middlebox", "none") if device.get("padded") else HEALTHY
            connection.was("timestamp_stripped", "both_sides_seen", "middlebox", "none",
                           seen_from={"client": verdict("timestamp_declined"), "server": at_server})
        connection.close()
        lab.sleep(0.1)
