"""Nobody listens.

curl asks a port on which no service runs, and one whose service has been stopped: the kernel answers the SYN with a RST. Fixed, they run.
"""

from machinery.actors import curl
from machinery.lab import Lab
from products.apache import Apache

PRODUCTS = (Apache,)
FORMS = {"failing": {"runs": False}, "fixed": {"runs": True}}


def play(lab: Lab, runs: bool) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=10)
    apache = lab.start(Apache(server, 80))
    if runs:
        lab.start(Apache(server, 8080))

    def ask(port: int) -> None:
        transfer = curl(lab, client, server, port, "/orders")
        status, printed = transfer.wait()
        lab.note(f"port {port}: {printed.decode().strip() or 'well'}")
        if status == 7:
            transfer.was("connection_refused", "reset", impact="connect_failed")

    for port in (80, 8080, 80, 8080):
        ask(port)
    if not runs:
        apache.stop()
    for port in (80, 80, 8080):
        ask(port)
