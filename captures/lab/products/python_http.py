from __future__ import annotations

from machinery.software import Service

_SERVER = """
import http.server


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.{minor}"

    def do_PUT(self):
        if self.headers["Authorization"] is None:
            body, status = b"who are you?\\n", 401
        else:
            body, status = b"%d bytes read\\n" % len(self.rfile.read(int(self.headers["Content-Length"]))), 200
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "300")
        self.end_headers()
        self.wfile.write(b"a" * 300)


http.server.ThreadingHTTPServer(("0.0.0.0", {port}), Handler).serve_forever()
"""


class PythonHttp(Service):
    """Python's http.server: GET is answered with 300 bytes; a PUT without Authorization with 401, before its body is read."""

    packages = ("python3",)
    version_command = ("/usr/bin/python3", "--version")

    def __init__(self, host, port: int = 8000, keeps_alive: bool = True):
        super().__init__(host, port)
        self.keeps_alive = keeps_alive

    def prepare(self, folder):
        (folder / "server.py").write_text(_SERVER.replace("{minor}", str(int(self.keeps_alive))).replace("{port}", str(self.port)))

    def command(self, folder):
        return ["/usr/bin/python3", "server.py"]

    def settings(self):
        return {"keep-alive": "yes" if self.keeps_alive else "no"}
