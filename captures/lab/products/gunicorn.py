from __future__ import annotations

from machinery.software import Service

_APPLICATION = """
import time


def application(environ, start_response):
    size = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    time.sleep({work_s})
    body = b"%d bytes read\\n" % size
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


class Gunicorn(Service):
    """gunicorn with one worker of threads: the kind that keeps connections alive. It closes one that has been idle for `keep_alive_s`, when
    it next looks: with every event, and once a second. Each answer takes `work_s`."""

    packages = ("gunicorn",)
    version_command = ("gunicorn", "--version")

    def __init__(self, host, port: int = 8000, keep_alive_s: int = 2, threads: int = 16, work_s: float = 0):
        super().__init__(host, port)
        self.keep_alive_s, self.threads, self.work_s = keep_alive_s, threads, work_s

    def prepare(self, folder):
        (folder / "shop.py").write_text(_APPLICATION.format(work_s=self.work_s))

    def command(self, folder):
        return ["gunicorn", "--bind", f"0.0.0.0:{self.port}", "--worker-class", "gthread", "--threads", str(self.threads), "--keep-alive",
                str(self.keep_alive_s), "shop:application"]

    def settings(self):
        return {"worker class": "gthread", "--keep-alive": f"{self.keep_alive_s} s", "each answer takes": f"{self.work_s:g} s"}
