"""How a product is run: its packages, its configuration, its process, and how one knows that it serves.

A product is a subclass of `Service` in products/; a scenario starts it with `lab.start(Nginx(host, …))`. Its process runs on the host's
network as `nobody`, where the product allows it, and ends with the lab.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from .network import Host


class Service:
    """What a product says of itself. A subclass sets these, and `command`."""

    packages: tuple[str, ...] = ()  # Debian's
    version_command: tuple[str, ...] = ()
    as_root = False  # the product refuses, or needs, to be root
    program = ""  # where the package's name doesn't tell what runs

    def __init__(self, host: Host, port: int):
        self.host, self.port = host, port
        self.process: subprocess.Popen | None = None
        self.folder: Path | None = None

    # -- for subclasses ----------------------------------------------------------------------------------------------------

    def prepare(self, folder: Path) -> None:
        """Writes its configuration."""

    def command(self, folder: Path) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def settings(self) -> dict:
        """What of its configuration matters for the story, for truth.json."""
        return {}

    # -- for the lab -------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    def version(self) -> str:
        """The first version number that it prints of itself."""
        return version_printed(*self.version_command) if self.version_command else ""

    def start(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        self.prepare(folder)
        self.spawn()
        self.await_serving()

    def spawn(self) -> None:
        """Starts its process anew, on the folder it has."""
        become = [] if self.as_root else ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        with (self.folder / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["nsenter", f"--net={self.host.file}", "--", *become, *self.command(self.folder)], cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, env={**os.environ, "HOME": str(self.folder), **self.environment()})

    def await_serving(self, seconds: float = 20) -> None:
        """Returns once its port is listening: asked of the host's table, as a connect would stand in the captures."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended at once: {self.log()[-800:]}")
            if f":{self.port} " in self.host.run("ss", "-Hltn", f"sport = :{self.port}").replace("\t", " "):
                return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} doesn't listen on port {self.port}: {self.log()[-800:]}")

    def log(self) -> str:
        return (self.folder / "output.log").read_text(errors="replace")

    def kill(self, with_signal: int = signal.SIGKILL) -> None:
        """A signal to all its processes."""
        os.killpg(self.process.pid, with_signal)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
                self.process.wait()


def version_printed(*command: str) -> str:
    """The first version number that a command prints."""
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"\d+\.\d+[\w.+~-]*", done.stdout + done.stderr)
    return found.group(0) if found else "unknown"


def site(folder: Path, files: dict[str, int]) -> None:
    """A folder with files of so many bytes, in which every user may write."""
    folder.mkdir()
    folder.chmod(0o777)
    for name, size in files.items():
        (folder / name).write_bytes(b"a" * size)


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate and its key, readable by every user of the lab."""
    key, crt = folder / "key.pem", folder / "crt.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", crt,
                    "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:{name}" if name[0].isdigit() else
                    f"subjectAltName=DNS:{name}"], check=True, capture_output=True)
    key.chmod(0o644)
    return crt, key
