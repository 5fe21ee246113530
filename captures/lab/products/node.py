from __future__ import annotations

from machinery.software import Service

_SERVER = """
const http = require('http');
const server = http.createServer((request, response) => {
  const work = /busy=(\\d+)/.exec(request.url);
  for (const began = Date.now(); work && Date.now() - began < work[1];);
  let size = 0;
  request.on('data', part => size += part.length);
  const answer = () => response.end(`${size} bytes read\\n`);
  const pause = %d;
  // Node drops an answer that isn't ready as the client closes its side.
  request.on('end', () => pause ? setTimeout(answer, pause) : answer());
});
server.keepAliveTimeout = %d;
server.listen(%d, '0.0.0.0');
"""


class Node(Service):
    """Node.js's http server. It closes an idle connection after `keep_alive_s`; Node's timer adds a second of its own.
    Each answer takes `work_s`; `?busy=MS` makes it compute for so long, which keeps its only thread from everything else."""

    packages = ("nodejs",)
    version_command = ("node", "--version")

    def __init__(self, host, port: int = 3000, keep_alive_s: float = 5, work_s: float = 0):
        super().__init__(host, port)
        self.keep_alive_s, self.work_s = keep_alive_s, work_s

    def prepare(self, folder):
        (folder / "server.js").write_text(_SERVER % (self.work_s * 1000, self.keep_alive_s * 1000, self.port))

    def command(self, folder):
        return ["node", "server.js"]

    def settings(self):
        return {"server.keepAliveTimeout": f"{self.keep_alive_s:g} s", "each answer takes": f"{self.work_s:g} s"}
