"""A server too busy to see a request closes its connection, because that looks idle.

Node.js has one thread. While that computes a report, requests on other connections wait in the kernel. When the report is done, the
timers come before the sockets: connections whose keepAliveTimeout is over are closed, with the request unread that arrived meanwhile.
The kernel answers that close with a RST. Fixed, nothing keeps the thread from its work for long.
"""

from machinery.actors import late_request
from machinery.lab import Lab
from products.node import Node

PRODUCTS = (Node,)
FORMS = {"failing": {"report_ms": 1300}, "fixed": {"report_ms": 5}}
REQUEST = b"GET /orders HTTP/1.1\r\nHost: shop\r\n\r\n"


def play(lab: Lab, report_ms: int) -> None:
    client, server = lab.hosts("client", "server")
    lab.wire(client, server, one_way_ms=10)
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.record()
    # It closes a second after that: 3 s.
    lab.start(Node(server, 3000, keep_alive_s=2))

    def reuse_after(idle_s: float) -> None:
        connection = lab.connect(client, server, 3000)
        connection.ask(REQUEST)
        lab.sleep(idle_s)
        knew = connection.peer_has_closed()
        answer = connection.ask(REQUEST)
        lab.note(f"idle for {idle_s:g} s: {'200' if answer else connection.error or 'closed without an answer'}")
        if not answer:
            connection.judged_by(late_request(server, knew))
        connection.close()

    def report(when_s: float) -> None:
        lab.sleep(when_s)
        connection = lab.connect(client, server, 3000)
        connection.ask(b"GET /report?busy=%d HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n" % report_ms)
        connection.close()

    # The report begins at 2 s, so that it is at work when the timers of the others are due at 3 s.
    lab.together(lambda act: act[0](act[1]), [(reuse_after, idle_s) for idle_s in (1, 1.5, 2.5, 2.6, 2.7, 2.8)] + [(report, 2)])
