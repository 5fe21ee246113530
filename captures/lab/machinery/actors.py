"""Servers of ours: they do what a story needs and no product does on demand, and tell what they saw.

They run as threads of the lab, on sockets of their host. Clients of ours are connections (lab.connect).
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Callable

from .lab import Lab
from .network import Host

_TCP_REPAIR = 19  # Linux, include/uapi/linux/tcp.h


def vanish(connection: socket.socket) -> None:
    """Forgets a connection without a word, as a host does that loses its power: a socket under repair is closed without FIN or RST."""
    connection.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    connection.shutdown(socket.SHUT_RD)  # sends nothing; who waits in a read goes on, and lets go of the socket
    connection.close()


class Accepted:
    """A connection that a server of ours accepted. `peer` is "address:port", `at` is in seconds of CLOCK_REALTIME."""

    def __init__(self, connection: socket.socket, peer: str):
        self.socket, self.peer, self.at = connection, peer, time.time()

    def read_request(self) -> bytes:
        """Up to the end of an HTTP request's head; b"" if the peer closed, or reset it, before."""
        got = b""
        while b"\r\n\r\n" not in got:
            try:
                more = self.socket.recv(65536)
            except OSError:
                return b""
            if not more:
                return b""
            got += more
        return got

    def answer(self, size: int = 100, close: bool = False) -> bool:
        """A 200 with a body of so many bytes, which says whether the server will close; False if the connection is broken."""
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n" + ("Connection: close\r\n" if close else "") + "\r\n"
        try:
            self.socket.sendall(head.encode() + b"x" * size)
        except OSError:
            return False
        return True


def answers(accepted: Accepted) -> None:
    """Every request, until the peer closes."""
    while accepted.read_request() and accepted.answer():
        pass


def answers_one(accepted: Accepted) -> None:
    """One request; then the server closes first."""
    if accepted.read_request():
        accepted.answer(close=True)


class Server:
    """Listens on a host until the lab ends. `serve(accepted)` has a thread for each connection, which is closed as it returns.
    `accepted` are all that it accepted so far."""

    def __init__(self, lab: Lab, host: Host, port: int, serve: Callable[[Accepted], None] = answers):
        self.host, self.port, self.serve = host, port, serve
        self.accepted: list[Accepted] = []
        with host:
            self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("0.0.0.0", port))
        self.socket.listen(128)
        lab.settings[f"a server of the lab's on {host.name}:{port}"] = {"it": serve.__name__.replace("_", " ")}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            connection, peer = self.socket.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            accepted = Accepted(connection, "%s:%d" % peer)
            self.accepted.append(accepted)
            threading.Thread(target=self._attend, args=(accepted,), daemon=True).start()

    def _attend(self, accepted: Accepted) -> None:
        self.serve(accepted)
        accepted.socket.close()

    def vanish(self) -> None:
        """Every connection that it holds is forgotten without a word, as if the host had been replaced; it goes on listening."""
        for accepted in self.accepted:
            if accepted.socket.fileno() >= 0:
                vanish(accepted.socket)
