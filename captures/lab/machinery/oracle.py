"""Which causes go with what the kernel recorded of the RST that decides: the one place where that is said.

A socket decides a RST by itself (an abort), or answers a segment with one (a reply): the kernel's reason says which, and tcpwhy has to
read the same from the RST's header (`tcpwhy.reset_kind`). Sources: Linux 6.18, enum sk_rst_reason and who sets it (tcp_send_active_reset,
tcp_v4_send_reset, tcp_rcv_state_process, tcp_timewait_state_process), and the lab's own captures.
"""

from __future__ import annotations

# The socket decided.
ABORTS = {"TCP_STATE", "TCP_ABORT_ON_CLOSE", "TCP_ABORT_ON_LINGER", "TCP_ABORT_ON_MEMORY", "TCP_KEEPALIVE_TIMEOUT", "TCP_DISCONNECT_WITH_DATA"}

# Answers to what comes for a connection that is gone: wherever a RST of another cause has ended it, these may follow, one for each
# segment that was still on its way.
GONE = {"NO_SOCKET", "TCP_FLAGS", "TCP_TIMEWAIT_SOCKET", "TCP_ABORT_ON_DATA"}

_CLOSED = {
    # A close with SO_LINGER 0, a disconnect, a listener closed over its queue, `ss -K`; or with data that nobody had read.
    "TCP_STATE", "TCP_ABORT_ON_CLOSE", "TCP_ABORT_ON_LINGER",
}

# The first RST of the incident: reasons, with the socket's state where only that one will do.
ALLOWED: dict[str, set[str]] = {
    # TCP_STATE: an idle close with linger 0, which the request crossed.
    "keepalive_race": {"TCP_ABORT_ON_DATA/FIN_WAIT1", "TCP_ABORT_ON_DATA/CLOSING", "TCP_ABORT_ON_CLOSE", "TCP_STATE/ESTABLISHED"},
    "stale_reuse": {"TCP_ABORT_ON_DATA/FIN_WAIT2", "TCP_TIMEWAIT_SOCKET", "NO_SOCKET", "TCP_FLAGS/LISTEN", "TCP_ABORT_ON_DATA/FIN_WAIT1"},
    "write_after_close": GONE | {"TCP_ABORT_ON_CLOSE"},
    "late_data_after_close": GONE,
    "dead_keepalive": GONE | _CLOSED,
    "idle_state_lost": {"NO_SOCKET", "TCP_FLAGS/LISTEN"},
    "idle_blackhole": {"NO_SOCKET", "TCP_FLAGS/LISTEN", "TCP_KEEPALIVE_TIMEOUT"} | _CLOSED,
    "idle_reset": _CLOSED,
    "response_timeout": GONE | _CLOSED,
    "request_timeout": GONE | _CLOSED,
    "keepalive_probe_timeout": {"TCP_KEEPALIVE_TIMEOUT"},
    "retransmission_timeout": GONE | _CLOSED,
    "peer_lost_state": {"NO_SOCKET", "TCP_FLAGS/LISTEN", "TCP_STATE", "TCP_ABORT_ON_CLOSE"},
    "server_abort": GONE | _CLOSED,
    "client_abort": GONE | _CLOSED,
    "unread_close": {"TCP_ABORT_ON_CLOSE", "TCP_ABORT_ON_DATA"},
    "abortive_close": _CLOSED | {"TCP_ABORT_ON_DATA", "NO_SOCKET"},
    "abortive_truncation": {"TCP_STATE", "TCP_ABORT_ON_LINGER", "TCP_ABORT_ON_CLOSE"},
    "connection_refused": {"NO_SOCKET"},
    "handshake_probe": _CLOSED | {"NO_SOCKET", "TCP_INVALID_ACK_SEQUENCE"},
    # INVALID_SYN: the listener itself, with tcp_abort_on_overflow.
    "accept_overflow": _CLOSED | {"NO_SOCKET", "TCP_FLAGS/LISTEN", "INVALID_SYN/LISTEN", "NOT_SPECIFIED"},
    "syn_ack_rejected": {"NO_SOCKET", "TCP_INVALID_ACK_SEQUENCE", "TCP_FLAGS/LISTEN"},
    "tls_failure": GONE | _CLOSED,
    "time_wait_collision": {"TCP_INVALID_ACK_SEQUENCE/SYN_SENT"},
    "half_open_collision": {"TCP_INVALID_ACK_SEQUENCE/SYN_SENT"},
    "conntrack_invalid": {"NO_SOCKET", "TCP_FLAGS/LISTEN"},
    "propagated": GONE | _CLOSED,
    # No host sent the first one; those that follow answer it or what came after.
    "injected_reset": set(),
}

# Causes that may be a device's doing, where no host sent the RST.
FORGED = {"injected_reset", "idle_state_lost", "idle_reset", "connection_refused", "accept_overflow", "response_timeout", "request_timeout",
          "peer_lost_state", "abortive_close", "handshake_probe", "propagated"}


def objections(causes: list[str], kinds: list[str], resets: list[dict]) -> list[str]:
    """What the kernel has against causes that were said of a stream, whose RSTs are `resets` (as truth.json tells them, in order);
    `kinds` are what was said of their kind. Empty if nothing."""
    told = [reset for reset in resets if reset.get("forged") or reset.get("reason")]
    if not told or not causes:
        return []
    first, found = told[0], []
    if first.get("forged"):
        if not FORGED & set(causes):
            found.append(f"{', '.join(causes)}: but no host sent the RST in frame {first['frame']}")
        return found
    if not any(_goes_with(cause, first) for cause in causes):
        found.append(f"{', '.join(causes)}: but {first['host']} sent frame {first['frame']} for {first['reason']} in {first['state'] or 'no state'}")
    kind = "abort" if first["reason"] in ABORTS else "reply"
    if len(resets) == 1 and kinds and kinds[0] not in (kind, "unknown", ""):
        found.append(f"reset_kind {kinds[0]}: but frame {first['frame']} was a{'n' if kind == 'abort' else ''} {kind} ({first['reason']})")
    return found


def _goes_with(cause: str, reset: dict) -> bool:
    allowed = ALLOWED.get(cause)
    if allowed is None:  # a cause that stands for no RST, or admits that it doesn't know
        return True
    return reset["reason"] in allowed or f"{reset['reason']}/{reset['state']}" in allowed
