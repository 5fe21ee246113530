"""Rules for connections that software opened: what its server's kernel says of the RSTs is what became of them. See Lab.judge."""

from __future__ import annotations

from typing import Callable

from .lab import HEALTHY, Seen, Verdict, verdict
from .network import Host

# The variant of a collision that the client's second SYN got over. Wireshark from 4.4 on may number that SYN as a stream of its own;
# the first then ends with the reset.
RETRIED = "retried reset"


def met_idle_close(server: Host) -> Callable[[Seen], Verdict]:
    """For pooled connections to a `server` that closes them when they have been idle: healthy, unless a request met that close.

    Data that comes while our FIN is still unacknowledged crossed it; where the FIN had been acknowledged, the sender's kernel knew, and
    its application hardly. A close with the request unread is the race's other face.
    """
    crossed = (("TCP_ABORT_ON_DATA", "FIN_WAIT1"), ("TCP_ABORT_ON_DATA", "CLOSING"), ("TCP_ABORT_ON_CLOSE", "FIN_WAIT1"))

    def rule(seen: Seen) -> Verdict:
        if any(seen.reset_by(server, *reason) for reason in crossed):
            return verdict("keepalive_race", "crossing", impact="request_lost")
        if seen.reset_by(server, "TCP_ABORT_ON_CLOSE"):
            return verdict("keepalive_race", "unread", impact="request_lost")
        if seen.reset_by(server, "TCP_ABORT_ON_DATA", "FIN_WAIT2") or seen.reset_by(server, "TCP_TIMEWAIT_SOCKET"):
            return verdict("stale_reuse", "photo_finish reset", impact="request_lost")
        return HEALTHY
    return rule


def resets_instead_of_closing(proxy: Host) -> Callable[[Seen], Verdict]:
    """For connections that `proxy` closes with SO_LINGER 0 when it has done with them, as HAProxy does towards its servers."""
    return lambda seen: verdict("abortive_close", impact="none") if seen.reset_by(proxy, "TCP_STATE") else HEALTHY
