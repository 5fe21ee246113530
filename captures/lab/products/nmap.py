from __future__ import annotations

from machinery.network import Host


class Nmap:
    """nmap, a scanner. It is run, not started."""

    packages = ("nmap",)

    @staticmethod
    def ports_open(host: Host, target: Host, *ports: int) -> str:
        """A half-open scan (-sS): a SYN to each port, and none to those that answer. What it found, as "80/tcp open http"."""
        printed = host.run("nmap", "-sS", "-Pn", "-n", "--max-retries", "1", "-p", ",".join(map(str, ports)), target.address)
        return ", ".join(" ".join(line.split()) for line in printed.splitlines() if "/tcp" in line)
