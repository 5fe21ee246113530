from __future__ import annotations

from pathlib import Path

from machinery.software import Service

_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{}}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {port}{tls};
    root {folder}/site;
    dav_methods PUT;
{directives}
  }}
}}
"""


class NginxSite(Service):
    """nginx that serves files and takes PUTs; `files`: name -> size in bytes. With `passes_to` ("address:port") it passes everything on
    instead, each request on a connection of its own. With `certificate` (as of machinery.software.certificate) it speaks TLS.
    Directives of the server: `client_body_timeout="2s"`."""

    packages = ("nginx",)
    version_command = ("nginx", "-v")

    def __init__(self, host, port: int = 80, files: dict[str, int] | None = None, passes_to: str = "",
                 certificate: tuple[Path, Path] | None = None, **directives: str):
        super().__init__(host, port)
        self.files, self.passes_to, self.certificate, self.directives = files or {"orders": 300}, passes_to, certificate, directives

    def prepare(self, folder):
        site(folder / "site", self.files)
        lines = [f"{name} {value};" for name, value in self.directives.items()]
        if self.passes_to:
            lines.append(f"location / {{ proxy_pass http://{self.passes_to}; }}")
        if self.certificate:
            lines += [f"ssl_certificate {self.certificate[0]};", f"ssl_certificate_key {self.certificate[1]};"]
        (folder / "nginx.conf").write_text(_CONFIGURATION.format(
            folder=folder, port=self.port, tls=" ssl" if self.certificate else "", directives="\n".join(f"    {line}" for line in lines)))

    def command(self, folder):
        return ["nginx", "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]

    def settings(self):
        return dict(self.directives)

    def log(self):
        logs = [self.folder / name for name in ("error.log", "access.log")]
        return "".join(log.read_text(errors="replace") for log in logs if log.exists())


def site(folder: Path, files: dict[str, int]) -> None:
    """A folder with files of so many bytes, in which every user may write."""
    folder.mkdir()
    folder.chmod(0o777)
    for name, size in files.items():
        (folder / name).write_bytes(b"a" * size)
