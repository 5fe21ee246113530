"""Clients and servers of ours, which do exactly what they are told to and know what they did.

A `Server` listens on a host and plays one behaviour with everybody who connects, each in a thread: it answers, closes idle connections,
breaks off, leaves data unread, and so on. A behaviour is a function of the `Peer`, the server's end of one connection, which keeps a
`Deed` for each step: when it was, what lay unread in the receive queue, and what the other side had not acknowledged. Both are asked of
the kernel (SIOCINQ, SIOCOUTQ) just before the step; what arrives in the microseconds between is told by the kernel's reason alone (see
`late_request`).

What a client wants stands in its request (`request`): how many bytes, after how long, and where to break off. So one port may serve
many kinds of clients, and has the habits of one endpoint all the same.

Limits: HTTP/1.1 with Content-Length and no more of it; a few hundred connections at once; timers are a thread's (a millisecond or two,
more on a busy machine): no truth may rest on a duration. TLS is Python's; a TLS record that the library holds isn't counted as unread.
"""

from __future__ import annotations

import array
import fcntl
import itertools
import select
import socket
import ssl
import struct
import subprocess
import termios
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable
from urllib.parse import parse_qs, urlsplit

from .lab import Connection, Lab, Seen, Told, Verdict, own_address, probe, vanish, verdict
from .network import Host

Behaviour = Callable[["Peer"], None]
_TIOCOUTQ = 0x5411  # SIOCOUTQ of a TCP socket: what was written and is not acknowledged


def request(size: int = 300, after_s: float = 0, cut: float = 0, body: int = 0, announced: int | None = None) -> bytes:
    """A request for `size` bytes, which the server shall begin to send after `after_s` seconds; one that breaks off does so after the share
    `cut` of them. With `body` bytes it is a POST; `announced` is its Content-Length where that is another."""
    query = f"bytes={size}&after={after_s:g}&cut={cut:g}"
    if announced is None:
        announced = body
    if not announced:
        return f"GET /orders?{query} HTTP/1.1\r\nHost: shop\r\n\r\n".encode()
    return f"POST /orders?{query} HTTP/1.1\r\nHost: shop\r\nContent-Length: {announced}\r\n\r\n".encode() + b"b" * body


def whole(answer: bytes) -> bool:
    """Whether a response is all there, by its Content-Length."""
    head, end, body = answer.partition(b"\r\n\r\n")
    return bool(end) and len(body) == next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))


@dataclass(frozen=True)
class Request:
    """What a server has read. `size`, `after_s` and `cut` are the client's wishes."""

    method: str
    size: int
    after_s: float
    cut: float
    announced: int  # bytes of its body, of which `missing` have not been read
    missing: int


@dataclass(frozen=True)
class Deed:
    """A step of a server's. `what`: "answer", "part" (of one), "data", "half" (shutdown of its sending side), "fin" (close), "reset" (close
    with linger 0)."""

    what: str
    when: float  # seconds of CLOCK_REALTIME, just before it
    unread: int  # bytes that had arrived and nobody had read
    unacknowledged: int  # bytes that had been written


class Peer:
    """The server's end of a connection. `told` is what the client knows of it; `gone` is how the client ended it, once it has: "" (it did
    not), "eof", or "reset"; `idle` that it kept silent for as long as was waited."""

    def __init__(self, sock: socket.socket, told: Told | None, stopping: threading.Event):
        self.socket, self.told = sock, told
        self.deeds: list[Deed] = []
        self.gone, self.idle = "", False
        self.received = 0  # bytes that the application took
        self._read = b""
        self._stopping = stopping

    # -- reading -----------------------------------------------------------------------------------------------------------

    def read(self, wait_s: float, size: int = 65536) -> bytes:
        """What is there, within `wait_s`; b"" sets `gone` or `idle`."""
        if self._read:
            got, self._read = self._read, b""
            return got
        self.socket.settimeout(wait_s)
        self.idle = False
        try:
            got = self.socket.recv(size)
            self.gone = "" if got else "eof"
            self.received += len(got)
        except TimeoutError:
            got, self.idle = b"", True
        except OSError:
            got, self.gone = b"", "reset"
        return got

    def read_request(self, wait_s: float, stall_s: float = 60, body: bool = True) -> Request | None:
        """The next request, if it begins within `wait_s`, and its body, as far as that comes without a pause of `stall_s`: `missing` says
        what did not. None if not even its head came. Without `body` little more than the head is read."""
        size = 65536 if body else 512
        got = self.read(wait_s, size)
        while got and b"\r\n\r\n" not in got:
            more = self.read(stall_s, size)
            if not more:
                return None
            got += more
        if not got:
            return None
        head, _, rest = got.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        announced = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
        while body and len(rest) < announced and (more := self.read(stall_s)):
            rest += more
        self._read = rest[announced:]
        wish = {name: float(values[0]) for name, values in parse_qs(urlsplit(target).query).items()}
        missing = max(announced - len(rest), 0)
        return Request(method, int(wish.get("bytes", 300)), wish.get("after", 0), wish.get("cut", 0), announced, missing)

    def something_is_there(self, wait_s: float) -> bool:
        """Whether anything arrives within `wait_s`; it stays unread."""
        return bool(select.select([self.socket], [], [], wait_s)[0])

    @property
    def unread(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self.socket, termios.FIONREAD, count)
        return count[0]

    @property
    def unacknowledged(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self.socket, _TIOCOUTQ, count)
        return count[0]

    # -- acting ------------------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Less where the server is stopped."""
        self._stopping.wait(seconds)

    def answer(self, size: int, status: str = "200 OK", share: float = 1) -> bool:
        """A response of `size` bytes, or the first `share` of it; False if the connection broke."""
        head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n".encode()
        return self.send(head + b"a" * int(size * share), "answer" if share == 1 else "part")

    def send(self, data: bytes, what: str = "data") -> bool:
        self._did(what)
        self.socket.settimeout(60)
        try:
            self.socket.sendall(data)
        except OSError:
            self.gone = "reset"
        return not self.gone == "reset"

    def end(self, how: str = "fin", linger_s: float = 2) -> None:
        """how = "fin"      close(), under TLS after a close_notify: a FIN, or a RST where something is unread
              "lingers"  shutdown of its sending side, then reads and throws away what comes until the client ends or `linger_s` are over
              "reset"    close() with SO_LINGER 0: a RST, and what is not sent yet is lost
        """
        if self.gone == "reset":
            how = "fin"
        if how == "lingers":
            self._did("half")
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the client was faster
            until = time.monotonic() + linger_s
            while (left := until - time.monotonic()) > 0 and self.read(left):
                pass
            how = "fin"
        self._did(how)
        if how == "fin" and isinstance(self.socket, ssl.SSLSocket):
            self.socket.settimeout(0)
            try:
                self.socket.unwrap()
            except OSError:
                pass  # it waits for the client's goodbye, once its own is sent
        if how == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _did(self, what: str) -> None:
        self.deeds.append(Deed(what, time.time(), self.unread, self.unacknowledged))

    def probe(self, idle_s: int, interval_s: int, probes: int) -> None:
        """TCP keep-alive."""
        probe(self.socket, idle_s, interval_s, probes)

    def vanish(self) -> None:
        """Forgets the connection without a word, as if the host had been replaced; nothing where it is closed."""
        if self.socket.fileno() >= 0:
            vanish(self.socket)

    # -- telling -----------------------------------------------------------------------------------------------------------

    def was(self, causes: str, variant: str = "", fault: str = "", impact: str = "", optional: bool = False, note: str = "") -> None:
        """Tells the truth about the connection from the server's side."""
        self.told.verdict = verdict(causes, variant, fault, impact, optional, note)


class Server:
    """A server of ours: `lab.start(Server(lab, host, 80, answers(keep_alive_s=2)))`. Without a behaviour it leaves what connects in its
    queue; `backlog` 0 has room for one there. With `context` it speaks TLS, and a handshake that fails is the end of the connection."""

    def __init__(self, lab: Lab, host: Host, port: int, behaviour: Behaviour | None = None, backlog: int = 512,
                 context: ssl.SSLContext | None = None):
        self.lab, self.host, self.port, self.behaviour, self.backlog, self.context = lab, host, port, behaviour, backlog, context
        self.peers: dict[str, Peer] = {}  # by the client's address and port, the last one
        self.failures: dict[str, str] = {}  # of TLS handshakes, by the same
        self._stopping = threading.Event()

    name = "server"

    def start(self, folder: Path) -> None:
        with self.host:
            self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("0.0.0.0", self.port))
        self.socket.listen(self.backlog)
        if self.behaviour:
            threading.Thread(target=self._accept, daemon=True).start()

    def settings(self) -> dict:
        does = self.behaviour.__doc__ if self.behaviour else "accepts nobody"
        return {"ours": does, **({"backlog": self.backlog} if self.backlog < 512 else {})}

    def version(self) -> str:
        return ""

    def log(self) -> str:
        return "".join(f"{source}: {' '.join(deed.what for deed in peer.deeds)} {peer.gone}\n" for source, peer in self.peers.items())

    def stop(self) -> None:
        """Closes the listener; what waits in its queue is reset."""
        self._stopping.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def peer_of(self, connection: Connection) -> Peer | None:
        """The server's end of a connection, if it was accepted; what the server did with it stands there once it is over."""
        return self.peers.get(connection.told.source)

    def _accept(self) -> None:
        while True:
            try:
                accepted, address = self.socket.accept()
            except OSError:
                return  # stopped
            threading.Thread(target=self._serve, args=(accepted, "%s:%d" % address), daemon=True).start()

    def _serve(self, accepted: socket.socket, source: str) -> None:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.context:
            accepted.settimeout(10)
            try:
                accepted = self.context.wrap_socket(accepted, server_side=True, suppress_ragged_eofs=True)
            except (ssl.SSLError, OSError) as failure:
                self.failures[source] = str(failure)
                accepted.close()
                return
        own = "%s:%d" % accepted.getsockname()
        peer = self.peers[source] = Peer(accepted, self.lab.told_of(source, own), self._stopping)
        self.behaviour(peer)


# -- behaviours -----------------------------------------------------------------------------------------------------------------


def _behaviour(what: str) -> Callable[[Behaviour], Behaviour]:
    """Gives a behaviour the words that stand in truth.json."""
    def named(behave):
        behave.__doc__ = what
        return behave
    return named


def answers(keep_alive_s: float = 60, ends: str = "fin", linger_s: float = 2, stall_s: float = 60) -> Behaviour:
    """What a healthy server does; it ends connections that are idle for `keep_alive_s`, as `Peer.end` says, and answers a request of which
    the client has sent only a part with 400 once that one has shut its side down."""
    @_behaviour(f"answers; idle connections are ended after {keep_alive_s:g} s ({ends})")
    def behave(peer):
        while (asked := peer.read_request(keep_alive_s, stall_s)) and not asked.missing:
            peer.wait(asked.after_s)
            if not peer.answer(asked.size):
                break
        peer.end(ends if peer.idle else "fin", linger_s)
    return behave


def answers_once() -> Behaviour:
    """One response a connection; the server is the first to close it, and keeps its TIME_WAIT."""
    @_behaviour("answers once, and closes")
    def behave(peer):
        if asked := peer.read_request(60):
            peer.answer(asked.size)
        peer.end()
    return behave


def breaks_off(keep_alive_s: float = 60) -> Behaviour:
    """Where a request says so, the response is broken off by linger 0, with what the kernel has not sent by then."""
    @_behaviour("answers; where it is asked to, it breaks off with linger 0")
    def behave(peer):
        while asked := peer.read_request(keep_alive_s):
            peer.wait(asked.after_s)
            if asked.cut:
                peer.answer(asked.size, share=asked.cut)
                return peer.end("reset")
            if not peer.answer(asked.size):
                break
        peer.end()
    return behave


def resets_after_each(waits: bool = False) -> Behaviour:
    """One response a connection, and then linger 0 instead of a FIN: at once, or where it `waits` when all of it has been acknowledged."""
    @_behaviour("answers once, and closes with linger 0" + (" when all of it has been acknowledged" if waits else ""))
    def behave(peer):
        if asked := peer.read_request(60):
            peer.answer(asked.size)
            while waits and peer.unacknowledged:
                peer.wait(0.002)
        peer.end("reset" if not peer.gone else "fin")
    return behave


def answers_early(status: str = "413 Content Too Large", limit: int = 2000, ends: str = "fin", linger_s: float = 2) -> Behaviour:
    """Refuses a body above `limit` as soon as it has read the head, and ends."""
    @_behaviour(f"answers bodies above {limit} bytes at once with {status.split()[0]} and ends ({ends})")
    def behave(peer):
        while asked := peer.read_request(60, body=False):
            if asked.announced > limit:
                peer.answer(20, status)
                return peer.end(ends, linger_s)
            missing = asked.missing
            while missing > 0 and (got := peer.read(5)):
                missing -= len(got)
            peer.answer(asked.size)
        peer.end()
    return behave


def never_answers(gives_up_s: float | None = None, ends: str = "fin") -> Behaviour:
    """Reads the request and does nothing, until the client goes, or for `gives_up_s`."""
    @_behaviour("never answers" + (f", and ends after {gives_up_s:g} s ({ends})" if gives_up_s is not None else ""))
    def behave(peer):
        if peer.read_request(60):
            peer.read(60 if gives_up_s is None else gives_up_s)
        peer.end(ends if not peer.gone else "fin")
    return behave


def never_reads(seconds: float = 60, ends: str = "fin") -> Behaviour:
    """Accepts and leaves everything unread; ends after `seconds`."""
    @_behaviour(f"accepts, reads nothing, and ends after {seconds:g} s ({ends})")
    def behave(peer):
        peer.wait(seconds)
        peer.end(ends)
    return behave


def forgets_idle(idle_s: float, then_s: float, reads: bool = False) -> Behaviour:
    """Answers; a connection that was idle for `idle_s` is served no more: what comes then waits `then_s`, until somebody closes the socket;
    `reads`: something still empties it (so that the close is a FIN)."""
    @_behaviour(f"answers; what was idle for {idle_s:g} s is served no more, and closed {then_s:g} s after the next request")
    def behave(peer):
        while asked := peer.read_request(idle_s):
            peer.answer(asked.size)
        if peer.idle and peer.something_is_there(60):
            peer.wait(then_s)
            while reads and peer.unread:
                peer.read(1)
        peer.end()
    return behave


def cuts_off_uploads(stall_s: float, status: str = "408 Request Timeout", ends: str = "fin") -> Behaviour:
    """Answers; a body that pauses for `stall_s` ends the connection, after `status` if there is one."""
    @_behaviour(f"answers; a body that pauses for {stall_s:g} s is cut off ({status or 'no answer'}, {ends})")
    def behave(peer):
        while asked := peer.read_request(60, stall_s):
            if asked.missing:
                if status and not peer.gone:
                    peer.answer(20, status)
                return peer.end(ends if not peer.gone else "fin")
            peer.answer(asked.size)
        peer.end()
    return behave


def echoes() -> Behaviour:
    """Gives back what comes, as it comes: a long conversation in both directions."""
    @_behaviour("gives back what comes")
    def behave(peer):
        while (got := peer.read(60)) and peer.send(got):
            pass
        peer.end()
    return behave


def takes_lines(limit: int) -> Behaviour:
    """A receiver of lines that never answers: it closes once it has read `limit` bytes."""
    @_behaviour(f"reads lines and never answers; closes after {limit} bytes")
    def behave(peer):
        read = 0
        while read < limit and (got := peer.read(60)):
            read += len(got)
        peer.end()
    return behave


def resets_at_once() -> Behaviour:
    """Accepts, and closes with linger 0."""
    @_behaviour("accepts, and closes with linger 0")
    def behave(peer):
        peer.end("reset")
    return behave


def drops_client_hello(ends: str = "fin", alert: bytes = b"") -> Behaviour:
    """Reads what a client says first and ends, with a fatal alert or without a word."""
    @_behaviour(f"reads the ClientHello and ends ({ends})")
    def behave(peer):
        if peer.read(60) and alert:
            peer.send(alert)
        peer.end(ends)
    return behave


# -- clients --------------------------------------------------------------------------------------------------------------------

_ports = itertools.count(20000)


class Command:
    """A client that is a program which opens one connection from a port that it is told (curl --local-port). Starts at once.

    `arguments`: what stands for the port is "{port}". The truth is told as that of a Connection.
    """

    def __init__(self, lab: Lab, client: Host, server: Host, port: int, *arguments: str, stdin=subprocess.DEVNULL):
        own = next(_ports)
        self.told = lab.opened((own_address(client, server.address), own), (server.address, port), time.time())
        self.process = subprocess.Popen(
            ["nsenter", f"--net={client.file}", "--", *(word.replace("{port}", str(own)) for word in arguments)], stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def wait(self, seconds: float = 60) -> tuple[int, bytes]:
        """Its exit status, and what it printed."""
        printed, _ = self.process.communicate(timeout=seconds)
        if self.process.returncode == 127:  # As nsenter says that there is no such program.
            raise RuntimeError(printed.decode(errors="replace"))
        return self.process.returncode, printed

    was = Connection.was
    judged_by = Connection.judged_by


def curl(lab: Lab, client: Host, server: Host, port: int, path: str, *options: str, scheme: str = "http") -> Command:
    """One transfer by curl. It says only what went wrong; "%{http_code}" where --write-out asks."""
    return Command(lab, client, server, port, "curl", "-sS", "--local-port", "{port}", "-o", "/dev/null", *options,
                   f"{scheme}://{server.address}:{port}{path}")


# -- what the kernel decides ----------------------------------------------------------------------------------------------------


CROSSED = verdict("keepalive_race", "crossing", impact="request_lost", note="the request and the close crossed")


def reuse_after(lab: Lab, client: Host, server: Host, port: int, idle_s: float) -> None:
    """Asks on a connection, lets it idle, and asks on it again, whatever became of it: what was lost is judged by `late_request`."""
    connection = lab.connect(client, server, port)
    connection.ask(request())
    lab.sleep(idle_s)
    knew = connection.peer_has_closed()
    answer = connection.ask(request())
    lab.note(f"idle for {idle_s:.2f} s, {'the FIN was there' if knew else 'no FIN yet'}: "
             f"{'200' if answer else connection.error or 'closed without an answer'}")
    if not answer:
        connection.judged_by(late_request(server, knew))
    connection.close()


def late_request(server: Host, knew: bool, idle_close: str = "fin") -> Callable[[Seen], Verdict]:
    """The truth about a request that a reused connection lost to the server's idle close, as the server's kernel saw it: in which state its
    socket was when the request came. `knew`: whether the close had been there before the request was sent; it decides where there was no
    RST. `idle_close` is how the server ends what is idle ("reset": linger 0)."""
    def rule(seen: Seen) -> Verdict:
        if idle_close == "reset":
            # A request that crossed the RST meets no socket; without an answer to it, none was sent: the RST had come before.
            crossed = len(seen.resets) > 1
            return CROSSED if crossed else verdict("idle_reset", "one_end", impact="none")
        if seen.reset_by(server, "TCP_ABORT_ON_CLOSE"):
            return verdict("keepalive_race", "unread", impact="request_lost", note="the server closed with the request unread")
        if any(seen.reset_by(server, "TCP_ABORT_ON_DATA", state) for state in ("FIN_WAIT1", "CLOSING")):
            return CROSSED
        if not seen.resets:
            return (verdict("stale_reuse", "discarded photo_finish", impact="request_lost", note="the FIN was there before the request")
                    if knew else verdict("keepalive_race", "discarded", impact="request_lost", note="the server read no more"))
        return verdict("stale_reuse", "reset photo_finish", impact="request_lost", note="the FIN was acknowledged, if only by the request")
    return rule
