from __future__ import annotations

import re
from dataclasses import dataclass

from machinery.software import Service

_CONFIGURATION = """
global
  maxconn 500
  log stdout format raw local0
defaults
  mode {mode}
  log global
  log-format "{log}"
{timeouts}
frontend front
  bind 0.0.0.0:{port}
{frontend}
  default_backend back
backend back
{backend}
  server one {server} {server_options}
"""
_LOG = "client=%ci:%cp server=%bi:%bp ended=%ts status={status} bytes=%B"
_LINE = re.compile(r"client=(\S+) server=(\S+) ended=(\S+) status=(-?\d+) bytes=(\d+)")


@dataclass(frozen=True)
class Exchange:
    """A line of HAProxy's log: a request and its response, or in TCP mode a connection. `client` and `leg` are "address:port", the
    client's and HAProxy's own towards the server ("-:0" where it had none); `ended` is "--", or who ended it and in what phase ("sH");
    `status` is 0 in TCP mode, and -1 where there was none."""

    client: str
    leg: str
    ended: str
    status: int
    size: int


class HAProxy(Service):
    """HAProxy before one `server` ("address:port"). `frontend` and `backend` are lines of configuration ("option nolinger", "source …"),
    `timeouts` those by name, in seconds: {"client": 30, "http-keep-alive": 1}."""

    packages = ("haproxy",)
    version_command = ("haproxy", "-v")

    def __init__(self, host, port: int, server: str, mode: str = "http", timeouts: dict[str, float] | None = None,
                 frontend: tuple[str, ...] = (), backend: tuple[str, ...] = (), server_options: str = ""):
        super().__init__(host, port)
        self.server, self.mode, self.frontend, self.backend, self.server_options = server, mode, frontend, backend, server_options
        self.timeouts = {"connect": 5, "client": 30, "server": 30} | (timeouts or {})

    def prepare(self, folder):
        (folder / "haproxy.cfg").write_text(_CONFIGURATION.format(
            mode=self.mode, port=self.port, server=self.server, server_options=self.server_options,
            log=_LOG.format(status="%ST" if self.mode == "http" else "0"),
            timeouts="\n".join(f"  timeout {name} {seconds * 1000:g}ms" for name, seconds in self.timeouts.items()),
            frontend="\n".join(f"  {line}" for line in self.frontend), backend="\n".join(f"  {line}" for line in self.backend)))

    def command(self, folder):
        return ["haproxy", "-db", "-f", f"{folder}/haproxy.cfg"]

    def settings(self):
        options = {"mode": self.mode, **{f"timeout {name}": f"{seconds:g} s" for name, seconds in self.timeouts.items()}}
        for place, lines in (("frontend", self.frontend), ("backend", self.backend)):
            if lines:
                options[place] = "; ".join(lines)
        return options

    def exchanges(self) -> list[Exchange]:
        """What its log says of all that is over."""
        return [Exchange(client, leg, ended, int(status), int(size)) for client, leg, ended, status, size in _LINE.findall(self.log())]
