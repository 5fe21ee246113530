"""A server refuses an upload and closes, with the body unread.

Python's http.server answers 401 to a PUT without credentials, nginx 413 to one that is too large. With lingering_close off, nginx closes at
once, as Python's does: the body that lies unread makes a RST of the close, and each segment that comes later draws another, with other
numbers. It looks forged, and isn't. Fixed, nginx reads on for a while, and the client sends what it was asked for.
"""

from machinery.lab import HEALTHY, Lab, verdict
from products.nginx import NginxSite
from products.python_http import PythonHttp

PRODUCTS = (NginxSite, PythonHttp)
FORMS = {"failing": {"lingering_close": "off", "with_credentials": False}, "fixed": {"lingering_close": "always", "with_credentials": True}}


def play(lab: Lab, lingering_close: str, with_credentials: bool) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=20)
    lab.start(NginxSite(server, 80, client_max_body_size="1k", lingering_close=lingering_close))
    lab.start(PythonHttp(server, 8000))

    def put(port: int, size: int) -> None:
        connection = lab.connect(client, server, port)
        credentials = "Authorization: Basic YTpi\r\n" if with_credentials else ""
        connection.send(f"PUT /upload-{size} HTTP/1.1\r\nHost: shop\r\n{credentials}Content-Length: {size}\r\n\r\n".encode() + b"b" * size)
        answer = connection.receive()
        status = answer[9:12].decode()
        lab.note(f"{size} bytes to port {port}: {status or connection.error or 'closed without an answer'}")
        # What fits into the first read of the server is read, and isn't unread.
        if status in ("401", "413", ""):
            def rule(seen):
                if not any(reset.host == server.name for reset in seen.resets):
                    return HEALTHY
                sent = "all was acknowledged when the answer came" if seen.vantage == "client" and status == "401" else ""
                return verdict("unread_close", fault="server", impact="none" if status else "response_lost", hidden=sent)

            connection.judged_by(rule)
        connection.close()

    puts = [(80, 500), (80, 5000), (80, 60_000), (8000, 800), (8000, 5000), (8000, 60_000), (80, 900)]
    lab.together(lambda one: put(*one), puts, stagger_s=0.2)
