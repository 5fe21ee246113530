from __future__ import annotations

from pathlib import Path

from machinery.software import Service


class OpensslServer(Service):
    """openssl s_server, which answers a request with a page about the connection (-www). `certificate` as of
    machinery.software.certificate; further options as openssl names them: "-tls1_3"."""

    packages = ("openssl",)
    version_command = ("openssl", "version")

    def __init__(self, host, port: int, certificate: tuple[Path, Path], *options: str):
        super().__init__(host, port)
        self.certificate, self.options = certificate, options

    def command(self, folder):
        chain, key = map(str, self.certificate)
        return ["openssl", "s_server", "-accept", str(self.port), "-cert", chain, "-key", key, "-www", *self.options]

    def settings(self):
        return {"options": " ".join(self.options)} if self.options else {}
