"""A wire in user space: takes frames from one packet socket and puts them into another, later, not at all, or changed.

netem does delay and loss better, but isn't in every kernel, and no tool of the system's forgets idle connections without a word,
forges a RST or takes an option out. A wire is a process of its own; it sees whole Ethernet frames and is no hop: TTLs stay.

A device is asked about every TCP segment over IPv4 and answers with what goes on: the frame, another one, several, or none.
"""

from __future__ import annotations

import os
import random
import select
import socket
import struct
import time
from collections import deque

_ETH_P_ALL = 0x0003
_PACKET_OUTGOING = 4
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def _sum(data: bytes) -> int:
    if len(data) & 1:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Segment:
    """A TCP segment over IPv4 in its Ethernet frame. Numbers are the host's; `options` and `payload` are bytes."""

    def __init__(self, frame: bytes):
        self.ethernet = frame[:14]
        ip = frame[14:14 + (frame[14] & 15) * 4]
        total = struct.unpack("!H", ip[2:4])[0]
        self.tos, self.id, self.fragment, self.ttl = ip[1], *struct.unpack("!HH", ip[4:8]), ip[8]
        self.source, self.target = ip[12:16], ip[16:20]
        tcp = frame[14 + len(ip):14 + total]
        self.sport, self.dport, self.seq, self.ack, offset, self.flags, self.window = struct.unpack("!HHIIBBH", tcp[:16])
        header = (offset >> 4) * 4
        self.options, self.payload = tcp[20:header], tcp[header:]

    @property
    def connection(self) -> frozenset:
        return frozenset(((self.source, self.sport), (self.target, self.dport)))

    @property
    def end(self) -> int:
        """The sequence number after it."""
        return (self.seq + len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)) & 0xFFFFFFFF

    def frame(self) -> bytes:
        options = self.options + b"\x01" * (-len(self.options) % 4)
        tcp = struct.pack("!HHIIBBHHH", self.sport, self.dport, self.seq, self.ack, (20 + len(options)) // 4 << 4, self.flags,
                          self.window, 0, 0) + options + self.payload
        pseudo = self.source + self.target + struct.pack("!HH", 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", _sum(pseudo + tcp)) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, self.tos, 20 + len(tcp), self.id, self.fragment, self.ttl, 6, 0) + self.source + self.target
        return self.ethernet + ip[:10] + struct.pack("!H", _sum(ip)) + ip[12:] + tcp

    def forged_reset(self, back: bool, ttl: int, with_ack: bool = True) -> "Segment":
        """A RST in the name of its sender, right behind it; `back`: in the name of its receiver, to its sender."""
        forged = Segment(self.frame())
        forged.options = forged.payload = b""
        forged.window, forged.id, forged.ttl, forged.tos = 0, 0, ttl, 0
        forged.flags = RST | ACK if with_ack else RST
        if back:
            forged.ethernet = self.ethernet[6:12] + self.ethernet[:6] + self.ethernet[12:]
            forged.source, forged.target, forged.sport, forged.dport = self.target, self.source, self.dport, self.sport
            forged.seq, forged.ack = self.ack, self.end if with_ack else 0
        else:
            forged.seq, forged.ack = self.end, self.ack if with_ack else 0
        return forged


def syn(source: str, target: str, sport: int, dport: int, seq: int) -> bytes:
    """An IP packet with a SYN in anybody's name, for a raw socket."""
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 44, 54321, 0, 64, 6, 0) + socket.inet_aton(source) + socket.inet_aton(target)
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq, 0, 6 << 4, SYN, 64240, 0, 0) + b"\x02\x04\x05\xb4"
    return Segment(bytes(14) + ip + tcp).frame()[14:]


class Device:
    """Something in the middle. `see` gets a segment and the side it came from (0: the wire's first host, 1: the second), and returns
    what goes on as (segment, to side) pairs. `tick` is asked every 50 ms for what the device sends by itself."""

    def see(self, segment: Segment, side: int, now: float) -> list[tuple[Segment, int]]:
        return [(segment, 1 - side)]

    def tick(self, now: float) -> list[tuple[Segment, int]]:
        return []


class StripsTimestamps(Device):
    """Removes the timestamp option (kind 8) from segments of the given sides; `padded`: ten NOPs stand in its place."""

    def __init__(self, sides=(0, 1), padded: bool = False, only_syn: bool = False):
        self.sides, self.padded, self.only_syn = sides, padded, only_syn

    def __str__(self):
        return "a device that takes the timestamps out" + (" (NOPs instead)" if self.padded else "")

    def see(self, segment, side, now):
        if side in self.sides and (segment.flags & SYN or not self.only_syn):
            kept, rest = b"", segment.options
            while rest:
                kind = rest[0]
                length = 1 if kind < 2 else max(rest[1], 2) if len(rest) > 1 else 1
                if kind == 8:
                    kept += b"\x01" * length if self.padded else b""
                else:
                    kept += rest[:length]
                rest = rest[length:]
            if not self.padded:
                # NOPs that padded the option go with it.
                while kept.startswith(b"\x01\x01") or kept.strip(b"\x01") == b"" and kept:
                    kept = kept[1:]
            segment.options = kept
        return [(segment, 1 - side)]


class ForgetsIdle(Device):
    """A stateful device that forgets a connection after `seconds` without a segment.

    how = "silently"   what comes later vanishes
          "rejects"    what comes later is answered with a RST in the other end's name
          "tells_both" at expiry both ends get a RST in each other's name
    """

    def __init__(self, seconds: float, how: str = "silently", ttl: int = 255):
        self.seconds, self.how, self.ttl = seconds, how, ttl
        self.last: dict[frozenset, tuple[float, Segment, int]] = {}
        self.forgotten: set[frozenset] = set()
        self.ended: dict[frozenset, set[int]] = {}  # the sides that have sent their FIN

    def __str__(self):
        return f"a device that forgets idle connections after {self.seconds:g} s ({self.how.replace('_', ' ')})"

    def see(self, segment, side, now):
        key = segment.connection
        if segment.flags & SYN and not segment.flags & ACK:
            self.forgotten.discard(key)
            self.ended.pop(key, None)
        elif key in self.last and now - self.last[key][0] > self.seconds:
            self.forgotten.add(key)
        if key in self.forgotten:
            if self.how == "rejects" and not segment.flags & RST:
                return [(segment.forged_reset(back=True, ttl=self.ttl, with_ack=False), side)]
            return []
        self.last[key] = (now, segment, side)
        if segment.flags & FIN:
            self.ended.setdefault(key, set()).add(side)
        if segment.flags & RST or len(self.ended.get(key, ())) == 2:
            del self.last[key]
        return [(segment, 1 - side)]

    def tick(self, now):
        if self.how != "tells_both":
            return []
        sent = []
        for key, (when, segment, side) in list(self.last.items()):
            if now - when > self.seconds:
                sent += [(segment.forged_reset(back=True, ttl=self.ttl), side), (segment.forged_reset(back=False, ttl=self.ttl), 1 - side)]
                self.forgotten.add(key)
                del self.last[key]
        return sent


class Injects(Device):
    """Forges a RST once the payload of a connection from `side` holds `keyword`: to the one who said it, and to the other."""

    def __init__(self, keyword: bytes, side: int = 0, to=(0, 1), ttl: int = 61):
        self.keyword, self.side, self.to, self.ttl = keyword, side, to, ttl

    def __str__(self):
        return "a device that forges resets on a keyword"

    def see(self, segment, side, now):
        out = [(segment, 1 - side)]
        if side == self.side and self.keyword in segment.payload:
            if side in self.to:
                out.append((segment.forged_reset(back=True, ttl=self.ttl), side))
            if 1 - side in self.to:
                out.append((segment.forged_reset(back=False, ttl=self.ttl), 1 - side))
        return out


class Misnumbers(Device):
    """Repeats a segment of a connection with a sequence number that lies far `ahead`: a device that renumbers connections and loses count.
    It is the segment from `side` whose payload holds `keyword`."""

    def __init__(self, keyword: bytes, side: int, ahead: int = 90_000_000):
        self.keyword, self.side, self.ahead = keyword, side, ahead

    def __str__(self):
        return f"a device that repeats a segment {self.ahead} bytes ahead of its place"

    def see(self, segment, side, now):
        out = [(segment, 1 - side)]
        if side == self.side and self.keyword in segment.payload:
            stray = Segment(segment.frame())
            stray.seq = (stray.seq + self.ahead) & 0xFFFFFFFF
            out.append((stray, 1 - side))
        return out


class Drops(Device):
    """Loses what `which(segment, side)` chooses."""

    def __init__(self, what: str, which):
        self.what, self.which = what, which

    def __str__(self):
        return f"a device that drops {self.what}"

    def see(self, segment, side, now):
        return [] if self.which(segment, side) else [(segment, 1 - side)]


def start(host, port_a: str, port_b: str, delay: float, loss: float, device: Device | None) -> int:
    """Forks the process of a wire between two ports of `host`; returns when it forwards."""
    with host:
        sockets = []
        for port in (port_a, port_b):
            ends = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
            ends.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
            ends.bind((port, _ETH_P_ALL))
            ends.setblocking(False)
            sockets.append(ends)
    child = os.fork()
    if child == 0:
        try:
            _forward(sockets, delay, loss, device)
        finally:
            os._exit(1)
    for ends in sockets:
        ends.close()
    return child


def _forward(sockets, delay: float, loss: float, device: Device | None) -> None:
    dice = random.Random(7)
    waiting: deque[tuple[float, int, bytes]] = deque()  # one delay for all: first in, first out
    looked = time.monotonic()
    while True:
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, side, frame = waiting.popleft()
            try:
                sockets[side].send(frame)
            except OSError:
                pass  # a port that goes down as the lab ends
        timeout = waiting[0][0] - now if waiting else 0.05
        if device:
            timeout = min(timeout, 0.05)
        for ready in select.select(sockets, [], [], max(timeout, 0))[0]:
            side = sockets.index(ready)
            while True:
                try:
                    frame, where = ready.recvfrom(65536)
                except BlockingIOError:
                    break
                except OSError:
                    return
                if where[2] == _PACKET_OUTGOING:
                    continue
                if loss and dice.random() < loss:
                    continue
                now = time.monotonic()
                if device and len(frame) >= 54 and frame[12:14] == b"\x08\x00" and frame[23] == 6:
                    waiting.extend((now + delay, to, segment.frame()) for segment, to in device.see(Segment(frame), side, now))
                else:
                    waiting.append((now + delay, 1 - side, frame))
        if device and time.monotonic() - looked >= 0.05:
            looked = time.monotonic()
            waiting.extend((looked + delay, to, segment.frame()) for segment, to in device.tick(looked))
