from __future__ import annotations

from pathlib import Path

from machinery.software import Service, site

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr info;
events {{}}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{http}
  server {{
    listen {port}{tls};
{server}
  }}
}}
"""


class _Nginx(Service):
    """What both have in common: one worker, logs in its output. `directives` stand in the server: `proxy_read_timeout="2s"`."""

    packages = ("nginx",)
    version_command = ("nginx", "-v")

    def __init__(self, host, port: int, directives: dict[str, str]):
        super().__init__(host, port)
        self.directives = directives

    @property
    def name(self):
        return "nginx"

    def configure(self, folder: Path, http: list[str], server: list[str], tls: bool = False) -> None:
        server = [f"{name} {value};" for name, value in self.directives.items()] + server
        (folder / "nginx.conf").write_text(_CONFIGURATION.format(
            folder=folder, port=self.port, tls=" ssl" if tls else "", http="\n".join(f"  {line}" for line in http),
            server="\n".join(f"    {line}" for line in server)))

    def command(self, folder):
        return ["nginx", "-e", "stderr", "-c", f"{folder}/nginx.conf"]


class Nginx(_Nginx):
    """nginx as a reverse proxy, as an ingress configures it: towards `upstream` ("address:port") it keeps up to `keepalive` idle
    connections, each for `keepalive_timeout_s` (nginx's own default is 60 s; the controller of Kubernetes has the same)."""

    def __init__(self, host, port: int, upstream: str, keepalive: int = 16, keepalive_timeout_s: float = 60, **directives: str):
        super().__init__(host, port, directives)
        self.upstream, self.keepalive, self.keepalive_timeout_s = upstream, keepalive, keepalive_timeout_s

    def prepare(self, folder):
        upstream = f"server {self.upstream}; keepalive {self.keepalive}; keepalive_timeout {self.keepalive_timeout_s:g}s;"
        self.configure(folder, [f"upstream application {{ {upstream} }}"],
                       ['location / { proxy_pass http://application; proxy_http_version 1.1; proxy_set_header Connection ""; }'])

    def settings(self):
        return {"upstream keepalive": self.keepalive, "upstream keepalive_timeout": f"{self.keepalive_timeout_s:g} s", **self.directives}


class NginxSite(_Nginx):
    """nginx that serves files and takes PUTs; `files`: name -> size in bytes. With `passes_to` ("address:port") it passes everything on
    instead, each request on a connection of its own. With `certificate` (as of machinery.software.certificate) it speaks TLS."""

    def __init__(self, host, port: int = 80, files: dict[str, int] | None = None, passes_to: str = "",
                 certificate: tuple[Path, Path] | None = None, **directives: str):
        super().__init__(host, port, directives)
        self.files, self.passes_to, self.certificate = files or {"orders": 300}, passes_to, certificate

    def prepare(self, folder):
        site(folder / "site", self.files)
        lines = [f"root {folder}/site;", "dav_methods PUT;"]
        if self.passes_to:
            lines.append(f"location / {{ proxy_pass http://{self.passes_to}; }}")
        if self.certificate:
            lines += [f"ssl_certificate {self.certificate[0]};", f"ssl_certificate_key {self.certificate[1]};"]
        self.configure(folder, [], lines, tls=self.certificate is not None)

    def settings(self):
        return dict(self.directives)
