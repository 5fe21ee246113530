"""The last words of a TLS connection arrive when nobody is there any more.

A client that has what it wanted closes its socket for good. The server, which reads the end, says goodbye with a close_notify: it meets a
socket that is gone, and its kernel answers with a RST. Everything was delivered. In the form *both* the client says goodbye itself and
waits for the other's, and there is no RST.
"""

import ssl

from machinery.lab import HEALTHY, Lab, verdict
from machinery.software import certificate
from products.nginx_site import NginxSite
from products.openssl_server import OpensslServer

PRODUCTS = (NginxSite, OpensslServer)
FORMS = {"closes": {"waits": False}, "both": {"waits": True}}
LATE = verdict("late_data_after_close", fault="nobody", impact="none")


def play(lab: Lab, waits: bool) -> None:
    client, server = lab.hosts("client", "server")
    lab.wire(client, server, one_way_ms=20)
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.record()
    lab.start(NginxSite(server, 443, certificate=(papers := certificate(lab.scratch, "shop")), keepalive_timeout="1s"))
    lab.start(OpensslServer(server, 4433, papers))
    context = ssl.create_default_context(cafile=papers[0])

    def fetch(port: int) -> None:
        connection = lab.connect(client, server, port)
        connection.start_tls(context, "shop")
        answer = connection.ask(b"GET /orders HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" if port == 443 else b"GET / HTTP/1.0\r\n\r\n")
        lab.note(f"port {port}: {len(answer)} bytes, {connection.error or 'well'}")
        assert answer and connection.well
        if waits:
            connection.end_tls()
        else:
            connection.judged_by(lambda seen: LATE if any(reset.host == client.name for reset in seen.resets) else HEALTHY)
        connection.close()

    lab.together(fetch, [443, 443, 4433, 443, 4433], stagger_s=0.3)
    lab.sleep(1)
