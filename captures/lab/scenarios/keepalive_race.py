"""A pooled connection is used in the moment in which its server closes it.

A Node.js server closes a connection that has been idle for as long as its keepAliveTimeout says. A client keeps its connections for
longer, and sends a request on one just as the FIN is on its way (or already there, where its pool doesn't look). The server's kernel
has no socket for the request any more and answers it with a RST. Fixed, the server waits longer than the client keeps a connection.
"""

from machinery.lab import Lab
from products.node import Node

PRODUCTS = (Node,)
FORMS = {"failing": {"server_keeps_s": 2}, "fixed": {"server_keeps_s": 10}}
REQUEST = b"GET /orders HTTP/1.1\r\nHost: shop\r\n\r\n"


def play(lab: Lab, server_keeps_s: float) -> None:
    client, server = lab.hosts("client", "server")
    lab.wire(client, server, one_way_ms=40)
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.record()
    lab.start(Node(server, 3000, keep_alive_s=server_keeps_s))

    def reuse_after(idle_s: float) -> None:
        connection = lab.connect(client, server, 3000)
        connection.ask(REQUEST)
        lab.sleep(idle_s)
        knew = connection.peer_has_closed()
        answer = connection.ask(REQUEST)
        lab.note(f"idle for {idle_s:.2f} s, {'the FIN was there' if knew else 'no FIN yet'}: {'200' if answer else connection.error or 'closed without an answer'}")
        if not answer:
            if knew:
                connection.was("stale_reuse", "reset photo_finish", "client", "request_lost")
            else:
                connection.was("keepalive_race", "crossing unread", impact="request_lost")
        connection.close()

    # The server's timer runs from its answer, 40 ms before the client has it: requests sent from then until 40 ms after cross its FIN.
    lab.together(reuse_after, [1.0, *(2.86 + step * 0.02 for step in range(10)), 3.3])
