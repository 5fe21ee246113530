"""What the kernel itself says of each RST: the tracepoints tcp:tcp_send_reset and tcp:tcp_receive_reset, and sock:inet_sock_set_state for
what the socket was before.

`reason` stands in tcp_send_reset since Linux 6.10 (enum sk_rst_reason, include/net/rstreason.h); before, nstat's counters of each
host are all there is (Network.counters). The tracepoints know no namespaces: events are kept by the lab's addresses. Their clock is
CLOCK_TAI, which is turned into CLOCK_REALTIME, the clock of captures, by the difference at reading.

A trace instance of one's own leaves others' tracing alone. It is kernel-wide and outlives its process: `sweep` takes away those of
processes that are gone.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

_EVENT = re.compile(r"\s(?P<time>\d+\.\d+): (?P<what>\w+): (?P<rest>.*)")
_TRACEPOINTS = ("tcp/tcp_send_reset", "tcp/tcp_receive_reset", "sock/inet_sock_set_state")
_PREFIX = "tcpwhy-lab-"
_ANY = "0.0.0.0:"


@dataclass(frozen=True)
class Event:
    """A RST that a host sent, or took. Addresses are "10.60.0.10:3000"; `source` sent it. Of what a listener sends only the port is known:
    "0.0.0.0:3000", to "0.0.0.0:0"."""

    time: float  # seconds of CLOCK_REALTIME
    sent: bool
    source: str
    target: str
    state: str  # of the socket that sent it ("FIN_WAIT1"); where it was closed just before, the state before; "" where there was none
    reason: str  # "TCP_ABORT_ON_DATA"; "" where this kernel doesn't tell


def _plain(address: str) -> str:
    """A socket of both families names IPv4 as "[::ffff:10.0.0.1]:80"."""
    return address.replace("[::ffff:", "").replace("[::]", "0.0.0.0").replace("]:", ":")


def _tracefs() -> Path | None:
    for place in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing"):
        if Path(place, "events/tcp/tcp_send_reset").is_dir():
            return Path(place)
    return None


def unavailable() -> str:
    """Why the kernel can't be asked here; "" where it can."""
    place = _tracefs()
    if not place:
        return "no tracepoint tcp:tcp_send_reset (is tracefs mounted? mount -t tracefs tracefs /sys/kernel/tracing)"
    if "reason" not in Path(place, "events/tcp/tcp_send_reset/format").read_text():
        return f"tcp_send_reset of Linux {os.uname().release} tells no reason (6.10 and later do)"
    return ""


def sweep() -> None:
    """Removes instances whose process is gone."""
    place = _tracefs()
    for left in place.glob(f"instances/{_PREFIX}*") if place else ():
        if not Path("/proc", left.name.removeprefix(_PREFIX).split("-")[0]).exists():
            left.rmdir()


def listening(name: str) -> "Witness | None":
    """The one that listens already under this name, if there is one: it was made before the lab's own namespaces were."""
    place = _tracefs()
    return Witness(place / "instances" / f"{_PREFIX}{name}") if place and (place / "instances" / f"{_PREFIX}{name}").is_dir() else None


def listen(name: str) -> "Witness":
    """Listens from now until `close`. `name` begins with the number of a process: see `sweep`."""
    place = _tracefs() / "instances" / f"{_PREFIX}{name}"
    place.mkdir()
    (place / "trace_clock").write_text("tai")
    (place / "buffer_size_kb").write_text("4096")
    for event in _TRACEPOINTS:
        (place / "events" / event / "enable").write_text("1")
    return Witness(place)


class Witness:
    """A trace instance that listens."""

    def __init__(self, place: Path):
        self._place = place

    def events(self, prefix: str) -> list[Event]:
        """What was seen between addresses that begin with `prefix`, by time. Listening goes on."""
        offset = time.clock_gettime(time.CLOCK_TAI) - time.time()
        found = []
        before: dict[tuple[str, str], str] = {}  # a connection's state before the last change
        for line in (self._place / "trace").read_text().splitlines():
            event = _EVENT.search(line)
            if not event:
                continue
            fields = dict(part.split("=", 1) for part in event["rest"].split() if "=" in part)
            if event["what"] == "tcp_send_reset":
                source, target = _plain(fields["src"]), _plain(fields["dest"])
            else:
                source, target = f"{fields['saddr']}:{fields['sport']}", f"{fields['daddr']}:{fields['dport']}"
            if event["what"] == "inet_sock_set_state":
                before[source, target] = fields["oldstate"].removeprefix("TCP_")
                continue
            sent = event["what"] == "tcp_send_reset"
            state = fields.get("state", "").removeprefix("TCP_").replace("UNKNOWN", "")
            if state == "CLOSE":
                state = before.get((source, target), state)
            if not sent:
                source, target = target, source  # the socket's own address stands first
            if source.startswith((prefix, _ANY)) or target.startswith(prefix):
                found.append(Event(float(event["time"]) - offset, sent, source, target, state, fields.get("reason", "")))
        return found

    def close(self) -> None:
        """Ends it, and takes its instance away."""
        self._place.rmdir()
