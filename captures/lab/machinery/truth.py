"""Joins what is on record with what was told and what the kernels saw: a capture and its truth for each vantage.

    records of interfaces ──► RSTs that hosts sent  ◄── events of the kernel (witness.py)
              │                        │
              ▼                        ▼
      a vantage's capture ──► its streams and RST frames ◄── what the traffic told (lab.py)

A RST frame is found again elsewhere by its sequence number, its acknowledgment and its flags, and a connection by the sequence number
of its SYN: neither is changed by a NAT. Nothing here reads causes from packets.
"""

from __future__ import annotations

import functools
import json
import os
import platform
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

from .lab import Lab, Leg, Reset, Seen, Told, Verdict
from .network import command
from .software import version_printed
from .witness import Event

_SYN, _RST, _ACK = 0x02, 0x04, 0x10
_FIELDS = ("frame.number", "frame.time_epoch", "frame.interface_id", "tcp.stream", "ip.src", "tcp.srcport", "ip.dst", "tcp.dstport",
           "tcp.flags", "tcp.seq_raw", "tcp.ack_raw")


@dataclass(frozen=True)
class Frame:
    number: int
    time: float
    interface: int
    stream: int
    source: str
    target: str
    flags: int
    seq: int
    ack: int

    @property
    def is_reset(self) -> bool:
        return bool(self.flags & _RST)

    @property
    def opens(self) -> bool:
        return self.flags & (_SYN | _ACK) == _SYN

    @property
    def likeness(self) -> tuple:
        """What stays the same on the way."""
        return (self.seq, self.ack, self.flags & 0x3F)


@functools.cache
def frames(capture: Path) -> list[Frame]:
    """Its TCP segments over IPv4; a segment that an ICMP message quotes is none."""
    printed = command("tshark", "-n", "-r", str(capture), "-Y", "tcp && ip && !icmp", "-T", "fields",
                      *(word for name in _FIELDS for word in ("-e", name)))
    found = []
    for line in printed.splitlines():
        number, time, interface, stream, source, sport, target, dport, flags, seq, ack = line.split("\t")
        found.append(Frame(int(number), float(time), int(interface or 0), int(stream), f"{source}:{sport}", f"{target}:{dport}",
                           int(flags, 16), int(seq), int(ack or 0)))
    return found


@dataclass
class Sent:
    """A RST as its sender put it on a wire."""

    frame: Frame
    reset: Reset


def sent_resets(lab: Lab, records: dict[str, Path], events: list[Event], can_tell: bool) -> list[Sent]:
    """The RSTs that hosts sent: those that leave a host with an address of its own, each with the kernel's event, which comes some
    microseconds before the frame. A RST without an event was forged by a device of that host, where the kernel can tell."""
    waiting = _by_addresses(events, sent=True)
    found = []
    leaving = [(frame, host) for host in lab.network.hosts.values() for interface in host.interfaces for frame in frames(records[interface.name])
               if frame.is_reset and frame.source.split(":")[0] in {own.address for own in host.interfaces}]
    for frame, host in sorted(leaving, key=lambda pair: pair[0].time):
        listeners = waiting["0.0.0.0:" + _port(frame.source), "0.0.0.0:0"]
        event = _take(waiting[frame.source, frame.target], frame.time, 0.05) or _take(listeners, frame.time, 0.002)
        if event:
            found.append(Sent(frame, Reset(host.name, event.state, event.reason)))
        elif not can_tell:
            found.append(Sent(frame, Reset(host.name, "", "")))
    return found


@dataclass(frozen=True)
class Taken:
    """A RST as it came to the host whose socket took it: it was believed, and ended a connection."""

    frame: Frame
    host: str


def taken_resets(lab: Lab, records: dict[str, Path], events: list[Event]) -> list[Taken]:
    """The RSTs that sockets took: of those that came to a host with an address of its own, the ones of which its kernel says so."""
    waiting = _by_addresses(events, sent=False)
    coming = [(frame, host) for host in lab.network.hosts.values() for interface in host.interfaces for frame in frames(records[interface.name])
              if frame.is_reset and frame.target.split(":")[0] in {own.address for own in host.interfaces}]
    coming.sort(key=lambda pair: pair[0].time)
    return [Taken(frame, host.name) for frame, host in coming if _take(waiting[frame.source, frame.target], frame.time, 0.05)]


def _by_addresses(events: list[Event], sent: bool) -> dict[tuple[str, str], list[Event]]:
    """Those of RSTs that were sent, or of those that were taken, by (source, target)."""
    found = defaultdict(list)
    for event in events:
        if event.sent == sent:
            found[event.source, event.target].append(event)
    return found


def _by_likeness(resets: list) -> dict[tuple, list]:
    found = defaultdict(list)
    for one in resets:
        found[one.frame.likeness].append(one)
    return found


def _take(events: list[Event], time: float, within: float) -> Event | None:
    """Takes out the one that is nearest to a time (seconds)."""
    if events and abs((nearest := min(events, key=lambda event: abs(event.time - time))).time - time) < within:
        events.remove(nearest)
        return nearest
    return None


def tell(lab: Lab, records: dict[str, Path], events: list[Event], can_tell: bool, head: dict, out: Path, stem: str) -> list[Path]:
    """Writes `out/STEM_VANTAGE/{capture.pcapng,truth.json}` for each vantage; returns the folders."""
    resets = sent_resets(lab, records, events, can_tell)
    taken = taken_resets(lab, records, events)
    syns = _syns(lab, records)
    folders = []
    for name, interfaces in lab.vantages.items():
        folder = out / f"{stem}_{name}"
        folder.mkdir(parents=True, exist_ok=True)
        capture = folder / "capture.pcapng"
        command("mergecap", "-F", "pcapng", "-I", "none", "-w", str(capture), *(str(records[interface.name]) for interface in interfaces))
        truth = {**head, "vantage": name, "captured at": [f"{interface.host.name}, the interface with {interface.address}" for interface in interfaces],
                 "kernel tells reasons": can_tell, "habits": lab.habits, "streams": _streams(lab, name, frames(capture), resets, taken, syns)}
        (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
        folders.append(folder)
    return folders


def _syns(lab: Lab, records: dict[str, Path]) -> dict[int, tuple[Told | Leg | None, float]]:
    """Sequence number of a SYN -> what was told of the connection, or the leg that it opened, if anything was; and its time."""
    found: dict[int, tuple[Told | Leg | None, float]] = {}
    owners = {interface.address: host for host in lab.network.hosts.values() for interface in host.interfaces}
    told = defaultdict(list)
    for one in lab.told:
        told[one.source, one.target].append(one)
    for host in lab.network.hosts.values():
        own = {interface.address for interface in host.interfaces}
        for interface in host.interfaces:
            for frame in frames(records[interface.name]):
                address = frame.source.split(":")[0]
                if not frame.opens or address not in own or frame.seq in found:
                    continue
                candidates = [one for one in told[frame.source, frame.target] if one.opened <= frame.time + 0.01]
                if candidates:
                    found[frame.seq] = max(candidates, key=lambda one: one.opened), frame.time
                    continue
                server = owners.get(frame.target.split(":")[0])
                found[frame.seq] = next((leg for leg in lab.legs if leg.opener is host and leg.server is server), None), frame.time
    return found


def _streams(lab: Lab, vantage: str, seen: list[Frame], resets: list[Sent], taken: list[Taken],
             syns: dict[int, tuple[Told | Leg | None, float]]) -> list[dict]:
    senders, takers = _by_likeness(resets), _by_likeness(taken)
    passed: set[tuple[int, int]] = set()  # (interface, identity of what stands in these): a RST passes an interface once

    def find(among: list, frame: Frame):
        """The one that this frame shows. The same ports first: two connections may well have sent the same zeros. What a connection sent
        first arrives first."""
        likely = [one for one in among if abs(one.frame.time - frame.time) < 2 and (frame.interface, id(one)) not in passed]
        likely.sort(key=lambda one: (_port(one.frame.source) != _port(frame.source), _port(one.frame.target) != _port(frame.target),
                                     one.frame.time))
        if likely:
            passed.add((frame.interface, id(likely[0])))
        return likely[0] if likely else None

    streams: dict[int, dict] = {}
    for frame in seen:
        stream = streams.setdefault(frame.stream, {"first": frame, "syn": None, "resets": []})
        if frame.opens and stream["syn"] is None:
            stream["syn"] = frame
        if frame.is_reset:
            sent, took = find(senders[frame.likeness], frame), find(takers[frame.likeness], frame)
            stream["resets"].append((frame, sent.reset if sent else Reset("", "", ""), took.host if took else ""))
    told = []
    for number, stream in sorted(streams.items()):
        first, syn = stream["first"], stream["syn"]
        about, opened = syns.get(syn.seq, (None, 0)) if syn else (None, 0)
        said: Verdict | None = None
        rule = about.rule if about else lab.strays.get(frozenset((first.source, first.target)))
        if rule:
            said = rule(Seen((syn or first).source, (syn or first).target, opened, [reset for _, reset, _ in stream["resets"]], vantage))
        elif about:
            said = about.seen_from.get(vantage, about.verdict)
        entry = {"stream": number, "frame": first.number, "from": (syn or first).source, "to": (syn or first).target}
        if said is None:
            entry["judged"] = False
        else:
            entry |= {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(said).items() if value}
            entry.setdefault("causes", [])
        if stream["resets"]:
            entry["resets"] = [{"frame": frame.number, "from": frame.source,
                                **({"host": reset.host, "state": reset.state, "reason": reset.reason} if reset.host else {"forged": True}),
                                **({"taken by": host} if host else {})}
                               for frame, reset, host in stream["resets"]]
        told.append(entry)
    return told


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def versions(services) -> dict[str, str]:
    """Of the kernel, of what recorded, and of each product."""
    done = {"Linux": os.uname().release, "Python": platform.python_version(), "tcpdump": version_printed("tcpdump", "--version")}
    for service in services:
        done[service.name] = service.version()
    return {name: version for name, version in done.items() if version}
