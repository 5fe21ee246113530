from __future__ import annotations

from machinery.software import Service

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
  upstream application {{
    server {upstream};
    keepalive {keepalive};
    keepalive_timeout {keepalive_timeout_s:g}s;
  }}
  server {{
    listen {port};
    location / {{
      proxy_pass http://application;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
{directives}
    }}
  }}
}}
"""


class Nginx(Service):
    """nginx as a reverse proxy, as an ingress configures it: towards `upstream` ("address:port") it keeps up to `keepalive` idle
    connections, each for `keepalive_timeout_s` (nginx's own default is 60 s; the controller of Kubernetes has the same). Further
    directives stand in the location: `proxy_read_timeout="2s"`."""

    packages = ("nginx-light",)
    version_command = ("nginx", "-v")

    def __init__(self, host, port: int, upstream: str, keepalive: int = 16, keepalive_timeout_s: float = 60, **directives: str):
        super().__init__(host, port)
        self.upstream, self.keepalive, self.keepalive_timeout_s, self.directives = upstream, keepalive, keepalive_timeout_s, directives

    def prepare(self, folder):
        directives = "\n".join(f"      {name} {value};" for name, value in self.directives.items())
        (folder / "nginx.conf").write_text(_CONFIGURATION.format(
            folder=folder, port=self.port, upstream=self.upstream, keepalive=self.keepalive, keepalive_timeout_s=self.keepalive_timeout_s,
            directives=directives))

    def command(self, folder):
        return ["nginx", "-e", "stderr", "-c", f"{folder}/nginx.conf"]

    def settings(self):
        return {"upstream keepalive": self.keepalive, "upstream keepalive_timeout": f"{self.keepalive_timeout_s:g} s", **self.directives}
