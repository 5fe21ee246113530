from __future__ import annotations

from machinery.software import Service

_APPLICATION = """
import time
from urllib.parse import parse_qs


def application(environ, start_response):
    print("from port", environ["REMOTE_PORT"], environ["RAW_URI"], flush=True)
    size = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    wish = {{name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}}
    time.sleep(float(wish.get("work", {work_s})))
    if "stream" in wish:
        start_response("200 OK", [("Content-Length", str(1000 * int(wish["stream"])))])
        return stream(int(wish["stream"]))
    body = b"%d bytes read\\n" % size
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


def stream(parts):
    for _ in range(parts):
        yield b"a" * 1000
        time.sleep(0.1)
"""


class Gunicorn(Service):
    """gunicorn with one worker: "gthread", of threads, the kind that keeps connections alive (one that has been idle for `keep_alive_s` it
    closes when it next looks: with every event, and once a second), or "sync", which has one connection at a time and is killed when its
    answer takes longer than `timeout_s`. Each answer takes `work_s`; `?work=SECONDS` wishes for another time, `?stream=N` for N
    parts of 1000 bytes, ten a second."""

    packages = ("gunicorn",)
    version_command = ("gunicorn", "--version")

    def __init__(self, host, port: int = 8000, keep_alive_s: int = 2, threads: int = 16, work_s: float = 0, worker_class: str = "gthread",
                 timeout_s: int = 30):
        super().__init__(host, port)
        self.keep_alive_s, self.work_s, self.worker_class, self.timeout_s = keep_alive_s, work_s, worker_class, timeout_s
        self.threads = 1 if worker_class == "sync" else threads

    def prepare(self, folder):
        (folder / "shop.py").write_text(_APPLICATION.format(work_s=self.work_s))

    def command(self, folder):
        return ["gunicorn", "--bind", f"0.0.0.0:{self.port}", "--worker-class", self.worker_class, "--threads", str(self.threads),
                "--keep-alive", str(self.keep_alive_s), "--timeout", str(self.timeout_s), "shop:application"]

    def asked_from(self, port: str) -> str:
        """The target of the last request that came from a port, as its log has it; "" if there was none."""
        lines = [line.split() for line in self.log().splitlines() if line.startswith(f"from port {port} ")]
        return lines[-1][3] if lines else ""

    def settings(self):
        return {"worker class": self.worker_class, "--keep-alive": f"{self.keep_alive_s} s", "--timeout": f"{self.timeout_s} s",
                "each answer takes": f"{self.work_s:g} s"}
