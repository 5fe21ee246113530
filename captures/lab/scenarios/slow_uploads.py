"""An upload that stalls is cut off by the server.

The body of a request comes slower than the server waits for its next piece: nginx closes without a word (client_body_timeout), or, with
reset_timedout_connection, by a RST; Apache answers 408 (RequestReadTimeout). What the client sends after that is answered by a
RST. Fixed, the server is more patient than the client is slow.
"""

from machinery.lab import Lab
from products.apache import Apache
from products.nginx import NginxSite

PRODUCTS = (NginxSite, Apache)
FORMS = {"nginx": {"product": NginxSite, "settings": {"client_body_timeout": "1500ms", "lingering_timeout": "300ms"}},
         "nginx_resets": {"product": NginxSite, "settings": {"client_body_timeout": "1500ms", "reset_timedout_connection": "on"}},
         "apache": {"product": Apache, "settings": {"RequestReadTimeout": "body=2"}},
         "fixed": {"product": NginxSite, "settings": {"client_body_timeout": "20s"}}}


def play(lab: Lab, product, settings: dict) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=15)
    lab.start(product(server, 80, **settings))

    def upload(pauses_s: tuple[float, ...]) -> None:
        connection = lab.connect(client, server, 80)
        method = "PUT /upload%d" % id(pauses_s) if product is NginxSite else "POST /orders"
        connection.send(f"{method} HTTP/1.1\r\nHost: shop\r\nContent-Length: {500 * (1 + len(pauses_s))}\r\n\r\n".encode() + b"b" * 500)
        for pause in pauses_s:
            lab.sleep(pause)
            connection.send(b"b" * 500)
        answer = connection.receive() if connection.well else b""
        lab.note(f"pauses of {max(pauses_s, default=0):g} s: {answer[9:12].decode() or connection.error or 'closed without an answer'}")
        if not answer or answer[9:12] == b"408":
            connection.was("request_timeout", impact="request_lost response_lost response_truncated")
        connection.close()

    lab.together(upload, [(), (0.2, 0.2), (0.5,) * 3, (3, 0.1), (0.3, 3.5, 0.3), (4,)])
