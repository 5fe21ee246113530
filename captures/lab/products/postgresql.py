from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from machinery.software import Service


class PostgreSql(Service):
    """PostgreSQL with a database of nobody's. A session that has been idle for `idle_session_timeout_s` (0: for ever) it ends with a message,
    and closes. It speaks the protocol that its manual describes (chapter 55, version 3.0)."""

    packages = ("postgresql",)

    def __init__(self, host, port: int = 5432, idle_session_timeout_s: float = 0):
        super().__init__(host, port)
        self.idle_session_timeout_s = idle_session_timeout_s

    @staticmethod
    def _program(name: str) -> str:
        """Debian keeps several versions side by side; the newest."""
        return str(max(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4])))

    def version(self):
        return subprocess.run([self._program("postgres"), "--version"], capture_output=True, text=True).stdout.split()[2]

    def prepare(self, folder):
        subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", self._program("initdb"), "--pgdata", f"{folder}/data",
                        "--username", "shop", "--auth", "trust", "--no-sync", "--no-locale"], check=True, capture_output=True, cwd=folder)
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 0.0.0.0/0 trust\n")

    def command(self, folder):
        return [self._program("postgres"), "-D", f"{folder}/data", "-p", str(self.port), "-c", "listen_addresses=0.0.0.0",
                "-c", f"unix_socket_directories={folder}", "-c", f"idle_session_timeout={self.idle_session_timeout_s * 1000:.0f}ms"]

    def settings(self):
        return {"idle_session_timeout": f"{self.idle_session_timeout_s:g} s"}

    @classmethod
    def greets(cls, connection) -> bool:
        """A session begins: a StartupMessage, and whether the server says that it is ready."""
        parameters = b"user\0shop\0database\0postgres\0\0"
        connection.send(struct.pack("!II", 8 + len(parameters), 3 << 16) + parameters)
        return cls._is_ready(connection)

    @classmethod
    def asks(cls, connection, answered_in_bytes: int = 300) -> bool:
        """A query, and whether its answer came."""
        query = b"SELECT repeat('x', %d)\0" % answered_in_bytes
        connection.send(b"Q" + struct.pack("!I", 4 + len(query)) + query)
        return cls._is_ready(connection)

    @staticmethod
    def _is_ready(connection) -> bool:
        """Reads messages until ReadyForQuery; False at the end of the connection, or at an error's."""
        while len(head := connection.receive_exactly(5)) == 5:
            kind, length = head[:1], struct.unpack("!I", head[1:])[0]
            connection.receive_exactly(length - 4)
            if kind in (b"Z", b"E"):
                return kind == b"Z"
        return False
