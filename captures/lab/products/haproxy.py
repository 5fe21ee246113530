from __future__ import annotations

from machinery.software import Service

_CONFIGURATION = """
global
    log stdout format raw local0
defaults
    mode {mode}
    log global
    retries {retries}
    timeout client {timeout_ms}ms
    timeout server {timeout_ms}ms
    timeout connect {connect_ms}ms
frontend in
    bind 0.0.0.0:{port}
    default_backend out
backend out
    server s1 {server}
"""


class Haproxy(Service):
    """HAProxy before one server ("address:port")."""

    packages = ("haproxy",)
    version_command = ("haproxy", "-v")

    def __init__(self, host, port: int, server: str, mode: str = "http", timeout_s: float = 30, connect_s: float = 5, retries: int = 3):
        super().__init__(host, port)
        self.options = {"mode": mode, "server": server, "retries": retries,
                        "timeout_ms": round(timeout_s * 1000), "connect_ms": round(connect_s * 1000)}

    def prepare(self, folder):
        (folder / "haproxy.cfg").write_text(_CONFIGURATION.format(port=self.port, **self.options))

    def command(self, folder):
        return ["haproxy", "-db", "-f", "haproxy.cfg"]

    def settings(self):
        return {"mode": self.options["mode"], "timeout client, timeout server": f"{self.options['timeout_ms']} ms",
                "timeout connect": f"{self.options['connect_ms']} ms", "retries": self.options["retries"]}
