from __future__ import annotations

from machinery.software import Service

_SERVER = """
const http = require('http');
const server = http.createServer((request, response) => {
  const work = /busy=(\\d+)/.exec(request.url);
  for (const began = Date.now(); work && Date.now() - began < work[1];);
  let size = 0;
  request.on('data', part => size += part.length);
  request.on('end', () => response.end(`${size} bytes read\\n`));
});
server.keepAliveTimeout = %d;
server.listen(%d, '0.0.0.0');
"""


class Node(Service):
    """Node.js's http server. It closes an idle connection after `keep_alive_s`; since 18.?, its timer adds a second of its own.
    `?busy=MS` makes it compute for so long, which keeps its only thread from everything else."""

    packages = ("nodejs",)
    version_command = ("node", "--version")

    def __init__(self, host, port: int = 3000, keep_alive_s: float = 5):
        super().__init__(host, port)
        self.keep_alive_s = keep_alive_s

    def prepare(self, folder):
        (folder / "server.js").write_text(_SERVER % (self.keep_alive_s * 1000, self.port))

    def command(self, folder):
        return ["node", "server.js"]

    def settings(self):
        return {"server.keepAliveTimeout": f"{self.keep_alive_s:g} s"}
