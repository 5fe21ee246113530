"""TLS handshakes that fail.

nginx speaks TLS 1.3 only, and a client 1.2 only; openssl's server wants a cipher that the client hasn't; curl doesn't trust a self-signed
certificate and says so with an alert; a client without a certificate comes to a server of ours that demands one; another one closes
without a word on what it can't read. Fixed, they agree.
"""

import ssl

from machinery.actors import Server, answers, curl, drops_client_hello, request
from machinery.lab import Lab
from machinery.software import certificate
from products.nginx import NginxSite
from products.openssl_server import OpensslServer

PRODUCTS = (NginxSite, OpensslServer)
FORMS = {"failing": {"agree": False}, "fixed": {"agree": True}}


def play(lab: Lab, agree: bool) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=10)
    papers = certificate(lab.scratch, "shop")
    mutual = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=papers[0])
    mutual.load_cert_chain(*papers)
    if not agree:
        mutual.verify_mode = ssl.CERT_REQUIRED
    lab.start(NginxSite(server, 443, certificate=papers, ssl_protocols="TLSv1.2 TLSv1.3" if agree else "TLSv1.3"))
    lab.start(OpensslServer(server, 4433, papers, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"))
    lab.start(Server(lab, server, 8443, answers(), context=mutual))
    lab.start(Server(lab, server, 9443, drops_client_hello()))

    def python(port: int, cipher: str = "", highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2) -> None:
        context = ssl.create_default_context(cafile=papers[0])
        context.maximum_version = highest
        if cipher:
            context.set_ciphers(cipher)
        connection = lab.connect(client, server, port)
        asked = request() if port != 443 else b"GET /orders HTTP/1.0\r\n\r\n"
        answer = connection.start_tls(context, "shop") and connection.ask(asked)
        lab.note(f"port {port}: {connection.error or 'well' if answer or connection.error else 'closed without an answer'}")
        if not answer:
            # The alert of TLS 1.3 is encrypted, and the request lies unread as the server closes: both are true.
            unreadable = connection.error == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
            connection.was("tls_failure unread_close" if unreadable else "tls_failure")
        connection.close()

    def distrustful(number: int) -> None:
        transfer = curl(lab, client, server, 443, "/orders", *(["--insecure"] if agree else []), scheme="https")
        status, printed = transfer.wait()
        lab.note(f"curl {number}: {printed.decode().splitlines()[0] if printed else 'well'}")
        if status:
            transfer.was("tls_failure")

    offered = "ECDHE-ECDSA-AES256-GCM-SHA384" if agree else "ECDHE-ECDSA-AES128-GCM-SHA256"
    lab.together(lambda act: act[0](*act[1:]), [
        (python, 443), (python, 443, "", ssl.TLSVersion.TLSv1_3), (python, 4433, offered), (python, 8443), (distrustful, 1), (distrustful, 2),
        (python, 8443, "", ssl.TLSVersion.TLSv1_3), *([] if agree else [(python, 9443)])], stagger_s=0.1)
