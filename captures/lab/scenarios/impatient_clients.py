"""Clients go in the middle of a transfer.

curl stops a download half-way, an upload half-way, or before the answer is there: --max-time stands for the person who closes the tab, and
a signal for one who ends the program. What was on its way then meets no socket, and each segment is answered by a RST. Nobody has
to change anything. Fixed, people have patience.
"""

import signal

from machinery.actors import Server, answers, curl, request
from machinery.lab import Lab
from products.nginx import NginxSite

PRODUCTS = (NginxSite,)
FORMS = {"failing": {"patient": False}, "fixed": {"patient": True}}


def play(lab: Lab, patient: bool) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=30)
    site = {"files": {"film": 200_000, "orders": 300}, "lingering_timeout": "1s"}
    lab.start(NginxSite(server, 80, **site))
    lab.start(NginxSite(server, 81, limit_rate="100k", **site))  # sends in pieces, with pauses between them
    lab.start(Server(lab, server, 8080, answers()))

    def download(port: int, path: str = "/film") -> None:
        one = curl(lab, client, server, port, path, "--max-time", "60" if patient else "0.8", "--limit-rate", "40k")
        status, printed = one.wait()
        lab.note(f"{path}: {printed.decode().strip() or 'all of it'}")
        if status == 28:
            one.was("client_abort", "response", impact="none response_truncated unknown")

    def upload(ends: str) -> None:
        connection = lab.connect(client, server, 80)
        connection.send(b"PUT /upload HTTP/1.1\r\nHost: shop\r\nContent-Length: 8000\r\n\r\n" + b"b" * 4000)
        lab.sleep(0.3)
        if patient:
            connection.ask(b"b" * 4000)
        else:
            connection.was("client_abort", "request", impact="none request_lost response_lost unknown")
            if ends == "reset":
                connection.abort()
        connection.close()

    def killed(by: int) -> None:
        one = curl(lab, client, server, 80, "/film", "--limit-rate", "40k")
        lab.sleep(5 if patient else 0.3)
        if one.process.poll() is None:
            one.process.send_signal(by)
        if one.wait()[0] == -by:
            one.was("client_abort", "response", impact="none response_truncated unknown")

    def cancelled(after_s: float) -> None:
        connection = lab.connect(client, server, 8080)
        connection.send(request(after_s=1, size=3000))
        if patient:
            connection.receive_exactly(3000)
        else:
            lab.sleep(after_s)
            connection.was("client_abort", "request", impact="none request_lost response_lost unknown")
        connection.close()

    lab.together(lambda act: act[0](act[1]), [
        (download, 80), (download, 81), (download, 80), (killed, signal.SIGKILL), (killed, signal.SIGTERM), (upload, "fin"),
        (upload, "reset"), (cancelled, 0.4), (cancelled, 0.2)],
        stagger_s=0.1)
    download(80, "/orders")
    lab.sleep(1)
