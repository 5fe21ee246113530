"""A lab: what a scenario's `play(lab, …)` is given to tell its story with."""

from __future__ import annotations

import errno
import random
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterable

from .network import Host, Network
from .software import Service

_TCP_REPAIR = 19  # include/uapi/linux/tcp.h

@dataclass(frozen=True)
class Verdict:
    """The truth about one connection. Ids and words are those of docs/diagnoses.md.

    `causes`: any of these is right; none: nothing happened to it, and a warning would be a false alarm. `variant`, `fault`,
    `impact`: any of these words is right; empty: not judged. `optional`: silence is right too. `also`: each of these is true beside it
    (of another chapter: what a device did to the options, beside what became of the connect). `hidden`: why nobody can tell who has
    this capture alone; what disagrees then is told, and fails nothing.
    """

    causes: tuple[str, ...] = ()
    variant: tuple[str, ...] = ()
    fault: tuple[str, ...] = ()
    impact: tuple[str, ...] = ()
    optional: bool = False
    note: str = ""
    also: tuple[str, ...] = ()
    hidden: str = ""


HEALTHY = Verdict()


def verdict(causes: str, variant: str = "", fault: str = "", impact: str = "", optional: bool = False, note: str = "", also: str = "",
            hidden: str = "") -> Verdict:
    """`verdict("keepalive_race stale_reuse", fault="client")`: words apart by blanks."""
    return Verdict(tuple(causes.split()), tuple(variant.split()), tuple(fault.split()), tuple(impact.split()), optional, note,
                   tuple(also.split()), hidden)


@dataclass(frozen=True)
class Reset:
    """A RST, and what the kernel said of it. `host` is "" where no host sent it: it was forged on the way."""

    host: str
    state: str
    reason: str


@dataclass
class Told:
    """What the traffic knows of a connection that a host opened: `source` and `target` are "address:port" as the opener sees them."""

    source: str
    target: str
    opened: float  # seconds of CLOCK_REALTIME, before the SYN
    verdict: Verdict = HEALTHY
    seen_from: dict[str, Verdict] = field(default_factory=dict)
    rule: Callable[[Seen], Verdict] | None = None  # where what the kernels said has to decide; wins


@dataclass(frozen=True)
class Seen:
    """A connection with its RSTs, as the capture of a vantage shows it."""

    source: str
    target: str
    opened: float  # seconds of CLOCK_REALTIME
    resets: list[Reset]
    vantage: str

    def reset_by(self, host: Host, reason: str, state: str = "") -> bool:
        """Whether `host` sent one of its RSTs for that reason (from that state)."""
        return any(reset.host == host.name and reset.reason == reason and state in ("", reset.state) for reset in self.resets)


@dataclass
class Leg:
    """How connections are judged that others than the traffic opened: a proxy's, towards a server."""

    opener: Host
    server: Host
    rule: Callable[[Seen], Verdict]


class Lab:
    """`form` names the scenario's form; `random` is drawn from its seed."""

    def __init__(self, base: int, scratch: Path, seed: int = 1):
        self.network = Network(base, scratch)
        self.scratch = scratch
        self.random = random.Random(seed)
        self.services: list[Service] = []
        self.told: list[Told] = []
        self.legs: list[Leg] = []
        self.strays: dict[frozenset, Callable[[Seen], Verdict]] = {}  # by both "address:port"
        self.habits: list[dict[str, str]] = []
        self.vantages: dict[str, list] = {}  # name -> interfaces
        self.settings: dict[str, dict] = {}
        self.notes: list[str] = []  # what the traffic saw, for people
        self._lock = threading.Lock()

    # -- the stage ---------------------------------------------------------------------------------------------------------

    def hosts(self, *names: str) -> list[Host]:
        return [self.network.host(name) for name in names]

    def router(self, name: str) -> Host:
        """A host that forwards."""
        return self.network.host(name, forwards=True)

    def wire(self, a: Host, b: Host, one_way_ms: float = 0, loss: float = 0, device=None) -> None:
        self.network.wire(a, b, one_way_ms, loss, device)

    def two_hosts(self, one: str, other: str, **wire) -> list[Host]:
        """The usual stage: two hosts, a wire (as `wire` has it), a capture at each under its name, and everything on record."""
        hosts = self.hosts(one, other)
        self.wire(*hosts, **wire)
        for host in hosts:
            self.vantage(host.name, host)
        self.record()
        return hosts

    def vantage(self, name: str, *interfaces) -> None:
        """A capture of this run: of all interfaces of a host, of `host.towards(other)`, or of several, in one file."""
        flat = []
        for one in interfaces:
            flat += one.interfaces if isinstance(one, Host) else [one]
        self.vantages[name] = flat

    def sysctl(self, host: Host, **settings) -> None:
        host.sysctl(**settings)
        self.settings.setdefault(f"sysctl of {host.name}", {}).update(settings)

    def nft(self, host: Host, rules: str) -> None:
        host.nft(rules)
        self.settings.setdefault(f"nftables of {host.name}", {}).setdefault("rules", []).extend(
            line.strip() for line in rules.splitlines() if line.strip())

    def chain(self, host: Host, kind: str, hook: str, *rules: str) -> None:
        """Rules of nftables on a host: `chain(gateway, "nat", "postrouting", "masquerade")`, `chain(firewall, "filter", "forward", …)`."""
        priority = {"prerouting": "dstnat", "postrouting": "srcnat"}[hook] if kind == "nat" else "filter"
        lines = "\n".join(rules)
        self.nft(host, f"table ip {kind}_{hook} {{\nchain rules {{\ntype {kind} hook {hook} priority {priority};\n{lines}\n}}\n}}")

    def record(self) -> None:
        """From here on everything is on record. After the wires, before the first connection."""
        self.network.record()

    def start(self, service: Service) -> Service:
        number = len(self.services)
        self.services.append(service)
        service.start(self.scratch / f"{service.name}-{number}")
        self.settings[f"{service.name} on {service.host.name}:{service.port}"] = service.settings()
        return service

    # -- the truth ---------------------------------------------------------------------------------------------------------

    def opened(self, source: tuple[str, int], target: tuple[str, int], when: float) -> Told:
        """A connection was opened; it is healthy until told otherwise."""
        told = Told("%s:%d" % source[:2], "%s:%d" % target[:2], when)
        with self._lock:
            self.told.append(told)
        return told

    def told_of(self, source: str, target: str) -> Told | None:
        """The connection that was opened last between these addresses: so a server finds the one that it accepted."""
        with self._lock:
            return next((told for told in reversed(self.told) if (told.source, told.target) == (source, target)), None)

    def stray(self, a: str, b: str, rule: Callable[[Seen], Verdict]) -> None:
        """How segments between two "address:port" are judged that belong to no connection which one of the hosts opened, in each capture that
        shows them as a stream of their own."""
        self.strays[frozenset((a, b))] = rule

    def judge(self, opener: Host, server: Host, rule: Callable[[Seen], Verdict]) -> None:
        """Connections from `opener` to `server` that nobody told of are judged by `rule`, from what the kernels said of their RSTs and
        from logs, in each capture that shows them."""
        self.legs.append(Leg(opener, server, rule))

    def habit(self, cause: str, server: Host, port: int) -> None:
        """What is true of all connections to a port and said of one of them, whichever it is (keepalive_mismatch)."""
        self.habits.append({"cause": cause, "to": f"{server.address}:{port}"})

    @staticmethod
    def sleep(seconds: float) -> None:
        time.sleep(seconds)

    def note(self, text: str) -> None:
        with self._lock:
            self.notes.append(text)

    # -- the traffic -------------------------------------------------------------------------------------------------------

    def together(self, act: Callable, arguments: Iterable, stagger_s: float = 0) -> None:
        """`act(argument)` for each, all at once (or one every `stagger_s`), each in a thread; returns when all are done, and
        raises what the first of them raised."""
        failures: list[BaseException] = []

        def one(argument):
            try:
                act(argument)
            except BaseException as failure:  # given on below
                failures.append(failure)

        threads = []
        for argument in arguments:
            threads.append(threading.Thread(target=one, args=(argument,), daemon=True))
            threads[-1].start()
            time.sleep(stagger_s)
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def connect(self, client: Host, server: Host | str, port: int, source_port: int = 0, timeout: float = 10, **options) -> "Connection":
        """Opens a connection; a failure is the connection's `error`, no exception."""
        return Connection(self, client, server if isinstance(server, str) else server.address, port, source_port, timeout, **options)


class Connection:
    """A TCP connection that a client of ours opens. What fails is kept in `error` (an errno's name, TLS's reason, or "timeout"): a
    scenario asks."""

    def __init__(self, lab: Lab, host: Host, address: str, port: int, source_port: int, timeout: float, receive_buffer: int = 0):
        self.error = ""
        with host:
            self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        own = own_address(host, address)
        self.socket.bind((own, source_port))
        self.told = lab.opened(self.socket.getsockname(), (address, port), time.time())
        self._try(lambda: self.socket.connect((address, port)))

    def _try(self, act):
        try:
            return act()
        except TimeoutError:
            self.error = "timeout"
        except ssl.SSLError as error:
            self.error = error.reason or str(error)
        except OSError as error:
            self.error = errno.errorcode.get(error.errno, str(error))
        return None

    @property
    def well(self) -> bool:
        return not self.error

    def start_tls(self, context: ssl.SSLContext, name: str = "") -> bool:
        """The client's handshake, with the server's `name`; what it failed of stands in `error` ("CERTIFICATE_VERIFY_FAILED")."""
        self.socket = self._try(lambda: context.wrap_socket(self.socket, server_hostname=name or None)) or self.socket
        return self.well

    def end_tls(self) -> None:
        """Says goodbye with a close_notify and waits for the server's; the connection goes on without TLS."""
        self.socket = self._try(self.socket.unwrap) or self.socket

    def send(self, data: bytes) -> bool:
        """All of it; False if the connection is broken."""
        self._try(lambda: self.socket.sendall(data))
        return self.well

    def receive(self, size: int = 65536) -> bytes:
        """What is there; b"" at the end, or where the connection broke (see `error`)."""
        return self._try(lambda: self.socket.recv(size)) or b""

    def receive_exactly(self, size: int) -> bytes:
        """So many bytes, fewer where it ended before."""
        got = b""
        while len(got) < size and (more := self.receive(size - len(got))):
            got += more
        return got

    def ask(self, request: bytes) -> bytes:
        """An HTTP request and its whole response by Content-Length; b"" if none came, less if it was cut off."""
        if not self.send(request):
            return b""
        got = b""
        while b"\r\n\r\n" not in got:
            more = self.receive()
            if not more:
                return got
            got += more
        head, _, body = got.partition(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
        while len(body) < length and (more := self.receive()):
            body += more
        return head + b"\r\n\r\n" + body

    def peer_has_closed(self) -> bool:
        """Whether its FIN or RST is here already: what a pool that looks would see before it reuses a connection. What comes unasked
        is a farewell: a close_notify, or a message that says so."""
        timeout = self.socket.gettimeout()
        self.socket.setblocking(False)
        try:
            # A socket in TLS can't peek; the one below it can.
            socket.socket.recv(self.socket, 1, socket.MSG_PEEK)
            return True
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(timeout)

    def finish_sending(self) -> None:
        self._try(lambda: self.socket.shutdown(socket.SHUT_WR))

    def close(self) -> None:
        self.socket.close()

    def abort(self) -> None:
        """SO_LINGER 0: a RST instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def vanish(self) -> None:
        """Forgets it without a word, as a host does that loses its power: a socket under repair is closed without FIN or RST."""
        vanish(self.socket)
        self.socket.close()

    def probe(self, idle_s: int, interval_s: int = 1, probes: int = 3) -> None:
        """TCP keep-alive."""
        probe(self.socket, idle_s, interval_s, probes)

    def was(self, causes: str, variant: str = "", fault: str = "", impact: str = "", optional: bool = False, note: str = "",
            also: str = "", hidden: str = "", seen_from: dict[str, Verdict] | None = None) -> None:
        """Tells the truth about it. `seen_from`: where a vantage can't see what others see."""
        self.told.verdict = verdict(causes, variant, fault, impact, optional, note, also, hidden)
        self.told.seen_from = seen_from or {}

    def judged_by(self, rule: Callable[[Seen], Verdict]) -> None:
        """Tells the truth about it by what the kernels said of its RSTs: where one race or another may have been won."""
        self.told.rule = rule


def vanish(sock: socket.socket) -> None:
    """Its close will send nothing. Whoever reads from it goes on as at the end."""
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    sock.shutdown(socket.SHUT_RD)


def probe(sock: socket.socket, idle_s: int, interval_s: int, probes: int) -> None:
    """Turns TCP keep-alive on: the first probe after `idle_s` of silence, then every `interval_s`, and the end after so many `probes`."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, idle_s), (socket.TCP_KEEPINTVL, interval_s), (socket.TCP_KEEPCNT, probes)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def own_address(host: Host, address: str) -> str:
    """The address of `host` from which it reaches `address`."""
    words = host.run("ip", "-o", "route", "get", address).split()
    return words[words.index("src") + 1]
