from __future__ import annotations

from machinery.software import Service


class Redis(Service):
    """Redis. What has been idle for longer than `timeout_s` (0: for ever) it closes, when it next looks."""

    packages = ("redis-server",)
    version_command = ("redis-server", "--version")

    def __init__(self, host, port: int = 6379, timeout_s: int = 0):
        super().__init__(host, port)
        self.timeout_s = timeout_s

    def command(self, folder):
        return ["redis-server", "--port", str(self.port), "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--dir", str(folder),
                "--timeout", str(self.timeout_s)]

    def settings(self):
        return {"timeout": f"{self.timeout_s} s"}

    @staticmethod
    def greets(connection) -> bool:
        """A session begins."""
        return connection.well

    @staticmethod
    def asks(connection, answered_in_bytes: int = 300) -> bool:
        """A command, and whether its answer came."""
        text = "x" * answered_in_bytes
        connection.send(f"ECHO {text}\r\n".encode())
        head = f"${answered_in_bytes}\r\n"
        return len(connection.receive_exactly(len(head) + answered_in_bytes + 2)) > answered_in_bytes
