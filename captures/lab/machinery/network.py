"""Hosts, wires and routers: network namespaces, veth pairs and routes, by iproute2.

A lab lives in mount, network and PID namespaces of its own (`run` makes them), so that everything here ends with its process,
whatever becomes of it. Names of hosts are names of namespaces in /run/netns, a file system of this lab alone.

Every interface of every host is recorded by tcpdump from `Network.record` on: what a vantage point shows is chosen afterwards
(truth.py). Offloads are off, so that a frame on record is a frame on the wire.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import wire

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def command(*arguments: str, **options) -> str:
    """Runs a command of the system's, returns what it printed; raises with its own words if it fails."""
    done = subprocess.run(arguments, capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _enter(file: str) -> None:
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {file}")
    finally:
        os.close(descriptor)


@dataclass
class Interface:
    host: "Host"
    name: str
    address: str | None  # None for the ends of a wire in user space
    towards: "Host | None" = None


@dataclass
class Host:
    """A network namespace. `with host:` the calling thread is on it: sockets made there belong to it and stay."""

    name: str
    forwards: bool = False
    interfaces: list[Interface] = field(default_factory=list)

    @property
    def file(self) -> str:
        return f"/run/netns/{self.name}"

    @property
    def address(self) -> str:
        """Its first address: how others call it."""
        return next(interface.address for interface in self.interfaces if interface.address)

    def towards(self, other: "Host") -> Interface:
        """Its interface on the wire to a neighbour."""
        return next(interface for interface in self.interfaces if interface.towards is other)

    def address_towards(self, other: "Host") -> str:
        return self.towards(other).address

    @contextlib.contextmanager
    def _inside(self):
        before = f"/proc/self/task/{threading.get_native_id()}/ns/net"
        home = os.open(before, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(self.file)
            yield self
        finally:
            _libc.setns(home, _CLONE_NEWNET)
            os.close(home)

    def __enter__(self):
        # One context a thread and depth: contexts are kept on the thread's own stack.
        stack = _stacks.setdefault(threading.get_native_id(), [])
        context = self._inside()
        stack.append(context)
        return context.__enter__()

    def __exit__(self, *error):
        return _stacks[threading.get_native_id()].pop().__exit__(*error)

    def run(self, *arguments: str, **options) -> str:
        """A command on this host, as root."""
        return command("nsenter", f"--net={self.file}", "--", *arguments, **options)

    def sysctl(self, **settings) -> None:
        """`tcp_timestamps=0`: names below net.ipv4; `netfilter__…` for net.netfilter."""
        for name, value in settings.items():
            path = "net/" + name.replace("__", "/") if "__" in name else "net/ipv4/" + name
            with self:
                Path("/proc/sys", path).write_text(f"{value}\n")

    def nft(self, rules: str) -> None:
        """A ruleset of nftables, beside what is there."""
        command("nsenter", f"--net={self.file}", "--", "nft", "-f", "-", input=rules)

    def counters(self) -> dict[str, int]:
        """The counters of its TCP (nstat's names) that count resets, aborts and overflows, where not zero."""
        found = {}
        with self:
            for file in ("/proc/self/net/snmp", "/proc/self/net/netstat"):
                # `self` is the process; the thread's namespace is asked for.
                lines = Path(file.replace("self", f"self/task/{threading.get_native_id()}")).read_text().splitlines()
                for names, values in zip(lines[::2], lines[1::2]):
                    kind, *names = names.split()
                    for name, value in zip(names, values.split()[1:]):
                        found[kind.rstrip(":") + name] = int(value)
        words = ("Abort", "OutRsts", "EstabResets", "AttemptFails", "Overflow", "ListenDrops", "PAWS", "ChallengeACK")
        return {name: value for name, value in found.items() if value and any(word in name for word in words)}


_stacks: dict[int, list] = {}


class Network:
    """The hosts of one lab and the wires between them. Addresses are 10.BASE.N.10 and .20 on the Nth wire."""

    def __init__(self, base: int, scratch: Path):
        self.base, self.scratch = base, scratch
        self.hosts: dict[str, Host] = {}
        self.wires: list[tuple[Interface, Interface, str]] = []
        self._recorders: list[tuple[Interface, Path, subprocess.Popen]] = []
        self._forwarders: list[int] = []
        self._routed = 0

    # -- building ----------------------------------------------------------------------------------------------------------

    def host(self, name: str, forwards: bool = False) -> Host:
        """`forwards` makes it a router."""
        command("ip", "netns", "add", name)
        host = self.hosts[name] = Host(name, forwards)
        host.run("ip", "link", "set", "lo", "up")
        host.sysctl(ip_unprivileged_port_start=1)  # products run as nobody
        if forwards:
            host.sysctl(ip_forward=1)
        return host

    def wire(self, a: Host, b: Host, one_way_ms: float = 0, loss: float = 0, device: "wire.Device | None" = None) -> None:
        """Joins two hosts. With a delay (milliseconds in each direction), a loss (a share of the frames, drawn from the lab's
        seed) or a device, the frames go through a wire in user space: netem isn't in every kernel."""
        number = len(self.wires)
        subnet = f"10.{self.base}.{number}"
        ends = [Interface(host, f"{host.name[:9]}-{number}", f"{subnet}.{last}", other) for host, other, last in ((a, b, 10), (b, a, 20))]
        slow = one_way_ms or loss or device
        if slow:
            middle = self.hosts.get("wires") or self.host("wires")
            ports = [f"w{number}{side}" for side in "ab"]
            for end, port in zip(ends, ports):
                self._veth(end.host, end.name, middle, port)
                middle.run("ip", "link", "set", port, "promisc", "on", "up")
        else:
            self._veth(a, ends[0].name, b, ends[1].name)
        for end in ends:
            end.host.run("ip", "address", "add", f"{end.address}/24", "dev", end.name)
            end.host.run("ip", "link", "set", end.name, "up")
            end.host.interfaces.append(end)
        if slow:
            self._forwarders.append(wire.start(middle, *ports, one_way_ms / 1000, loss, device))
        self.wires.append((*ends, f"{one_way_ms:g} ms each way" + (f", {loss:.1%} lost" if loss else "") + (f", {device}" if device else "")))

    @staticmethod
    def _veth(a: Host, name_a: str, b: Host, name_b: str) -> None:
        command("ip", "link", "add", name_a, "netns", a.name, "type", "veth", "peer", "name", name_b, "netns", b.name)
        for host, name in ((a, name_a), (b, name_b)):
            host.run("ip", "link", "set", name, "gso_max_segs", "1", "gso_max_size", "1500")
            host.run("ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
            host.run("sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1")

    def lay_routes(self) -> None:
        """Each host learns the first hop of the shortest way to each wire that isn't its own; only routers are gone through."""
        for host in self.hosts.values():
            first: dict[str, str] = {}  # host -> gateway
            queue = [(interface.towards, self._facing(interface).address) for interface in host.interfaces]
            seen = {host.name}
            while queue:
                there, gateway = queue.pop(0)
                if there.name in seen:
                    continue
                seen.add(there.name)
                first[there.name] = gateway
                if there.forwards:
                    queue += [(interface.towards, gateway) for interface in there.interfaces]
            own = {ipaddress.ip_network(f"{interface.address}/24", strict=False) for interface in host.interfaces}
            for name, gateway in first.items():
                for interface in self.hosts[name].interfaces:
                    subnet = ipaddress.ip_network(f"{interface.address}/24", strict=False)
                    if subnet not in own:
                        own.add(subnet)
                        host.run("ip", "route", "replace", str(subnet), "via", gateway)

    def _facing(self, interface: Interface) -> Interface:
        for a, b, _ in self.wires:
            if interface is a:
                return b
            if interface is b:
                return a
        raise LookupError(interface.name)

    # -- recording ---------------------------------------------------------------------------------------------------------

    def record(self) -> None:
        """Lays the routes; from here on every interface is on record."""
        self.lay_routes()
        for host in self.hosts.values():
            for interface in host.interfaces:
                file = self.scratch / f"{interface.name}.pcap"
                recorder = subprocess.Popen(
                    ["nsenter", f"--net={host.file}", "--", "tcpdump", "-Z", "root", "-q", "-n", "--immediate-mode", "-U", "-s", "0", "-B",
                     "16384", "--time-stamp-precision=nano", "-i", interface.name, "-w", str(file), "tcp or icmp"],
                    stderr=subprocess.PIPE, text=True)
                recorder.stderr.readline()  # "listening on …": from now on nothing is missed
                self._recorders.append((interface, file, recorder))

    def stop_recording(self) -> dict[str, Path]:
        """The record of each interface, by its name; raises if one lost frames."""
        time.sleep(0.3)
        records = {}
        for interface, file, recorder in self._recorders:
            recorder.send_signal(signal.SIGINT)
        for interface, file, recorder in self._recorders:
            said = recorder.communicate(timeout=10)[1]
            dropped = [line for line in said.splitlines() if "dropped by kernel" in line]
            if dropped and not dropped[0].startswith("0 "):
                raise RuntimeError(f"tcpdump on {interface.name}: {dropped[0]}")
            records[interface.name] = file
        return records
