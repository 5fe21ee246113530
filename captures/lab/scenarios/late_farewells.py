"""The last words of a TLS connection arrive when nobody is there any more.

A client that has what it wanted closes its socket for good. HAProxy, which reads the end, says goodbye with a close_notify: it meets a
socket that is gone, and its kernel answers with a RST. Everything was delivered. In the form *both* the client says goodbye itself and
waits for the other's, and there is no RST.
"""

import ssl

from machinery.actors import curl, whole
from machinery.lab import HEALTHY, Lab, verdict
from machinery.software import certificate
from products.haproxy import HAProxy
from products.nginx import NginxSite

PRODUCTS = (HAProxy, NginxSite)
FORMS = {"closes": {"waits": False}, "both": {"waits": True}}
FILES = {"300": 300, "4000": 4000, "20000": 20_000}
LATE = verdict("late_data_after_close", fault="nobody", impact="none")


def play(lab: Lab, waits: bool) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=20)
    papers = certificate(lab.scratch, "shop")
    both = lab.scratch / "shop.pem"
    both.write_text(papers[0].read_text() + papers[1].read_text())
    lab.start(NginxSite(server, 8080, files=FILES))
    lab.start(HAProxy(server, 80, "127.0.0.1:8080", frontend=(f"bind 0.0.0.0:443 ssl crt {both}",)))
    context = ssl.create_default_context(cafile=papers[0])

    def fetch(size: int) -> None:
        connection = lab.connect(client, server, 443)
        connection.start_tls(context, "shop")
        answer = connection.ask(b"GET /%d HTTP/1.1\r\nHost: shop\r\n\r\n" % size)
        lab.note(f"{len(answer)} bytes, {connection.error or 'well'}")
        assert whole(answer)
        if waits:
            connection.end_tls()
        connection.judged_by(of_close)
        connection.close()

    def by_curl(size: int) -> None:
        transfer = curl(lab, client, server, 443, f"/{size}", "--insecure", scheme="https")
        assert transfer.wait()[0] == 0
        transfer.judged_by(of_close)

    def of_close(seen):
        return LATE if any(reset.host == client.name for reset in seen.resets) else HEALTHY

    lab.together(lambda act: act[0](act[1]), [(fetch, 300), (fetch, 4000), (by_curl, 300), (by_curl, 4000), (fetch, 20_000)], stagger_s=0.3)
    lab.sleep(1)
