"""Connections that live long, and are well.

Long polls that gunicorn answers after seconds, a stream of its that comes in small pieces, conversations in both directions with pauses,
over TLS and without, with TCP keep-alive probes that are answered; downloads over TLS with a farewell from either side. Nobody may be
accused.
"""

import socket
import ssl

from machinery.actors import Server, curl, echoes
from machinery.lab import HEALTHY, Lab
from machinery.software import certificate
from products.gunicorn import Gunicorn
from products.nginx import NginxSite

PRODUCTS = (Gunicorn, NginxSite)
FORMS = {"healthy": {}}


def play(lab: Lab) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=20)
    papers = certificate(lab.scratch, "shop")
    speaks = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    speaks.load_cert_chain(*papers)
    listens = ssl.create_default_context(cafile=papers[0])
    lab.start(Gunicorn(server, 8000, keep_alive_s=20))
    lab.start(NginxSite(server, 443, {"orders": 300, "film": 60_000}, certificate=papers, keepalive_timeout="5s"))
    lab.start(NginxSite(server, 80, passes_to="127.0.0.1:8000"))
    lab.start(Server(lab, server, 7000, echoes()))
    lab.start(Server(lab, server, 7443, echoes(), context=speaks))
    lab.judge(client, server, lambda seen: HEALTHY)

    def poll(port: int, waits: tuple[float, ...]) -> None:
        connection = lab.connect(client, server, port)
        for wait in waits:
            assert connection.ask(f"GET /news?work={wait} HTTP/1.1\r\nHost: shop\r\n\r\n".encode()), connection.error
        connection.close()

    def stream(port: int, parts: int) -> None:
        status, printed = curl(lab, client, server, port, f"/news?stream={parts}").wait()
        assert status == 0, printed

    def talk(port: int, pauses: tuple[float, ...], probes: bool = False) -> None:
        connection = lab.connect(client, server, port)
        if probes:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
                connection.socket.setsockopt(socket.IPPROTO_TCP, option, 1)
        if port == 7443:
            assert connection.start_tls(listens, "shop"), connection.error
        for number, pause in enumerate((0, *pauses)):
            lab.sleep(pause)
            word = b"word %d " % number * (1 + number * 20)
            connection.send(word)
            assert connection.receive_exactly(len(word)) == word
        if port == 7443 and len(pauses) % 2:
            connection.end_tls()
        connection.close()

    def by_tls(path: str) -> None:
        status, printed = curl(lab, client, server, 443, path, "--insecure", scheme="https").wait()
        assert status == 0, printed

    def browse_tls(pauses: tuple[float, ...]) -> None:
        connection = lab.connect(client, server, 443)
        assert connection.start_tls(listens, "shop")
        for pause in (0, *pauses):
            lab.sleep(pause)
            assert connection.ask(b"GET /orders HTTP/1.1\r\nHost: shop\r\n\r\n")
        connection.close()

    acts = [(poll, 8000, (3, 0.1, 2)), (poll, 8000, (5,)), (poll, 80, (4, 1)), (stream, 8000, 40), (stream, 80, 30),
            (talk, 7000, (0.5, 4, 0.2, 3)), (talk, 7000, (6,)), (talk, 7000, (5, 3.5), True), (talk, 7443, (0.5, 4, 0.2)),
            (talk, 7443, (5,)), (talk, 7443, (1, 4), True), (by_tls, "/orders"), (by_tls, "/film"), (by_tls, "/film"),
            (browse_tls, (1, 2.5)), (browse_tls, ()), (browse_tls, (0.2,) * 8)]
    lab.random.shuffle(acts)
    lab.together(lambda act: act[0](*act[1:]), acts, stagger_s=0.3)
