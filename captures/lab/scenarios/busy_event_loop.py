"""A server too busy to see a request closes its connection, because that looks idle.

Node.js has one thread. While that computes a report, requests on other connections wait in the kernel. When the report is done, the
timers come before the sockets: connections whose keepAliveTimeout is over are closed, with the request unread that arrived meanwhile.
The kernel answers that close with a RST. Fixed, nothing keeps the thread from its work for long.
"""

from machinery.actors import reuse_after
from machinery.lab import Lab
from products.node import Node

PRODUCTS = (Node,)
FORMS = {"failing": {"report_ms": 1300}, "fixed": {"report_ms": 5}}


def play(lab: Lab, report_ms: int) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=10)
    # It closes a second after that: 3 s.
    lab.start(Node(server, 3000, keep_alive_s=2))

    def report(when_s: float) -> None:
        lab.sleep(when_s)
        connection = lab.connect(client, server, 3000)
        connection.ask(b"GET /report?busy=%d HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n" % report_ms)
        connection.close()

    def reuse(idle_s: float) -> None:
        reuse_after(lab, client, server, 3000, idle_s)

    # The report begins at 2 s, so that it is at work when the timers of the others are due at 3 s.
    lab.together(lambda act: act[0](act[1]), [(reuse, idle_s) for idle_s in (1, 1.5, 2.5, 2.6, 2.7, 2.8)] + [(report, 2)])
