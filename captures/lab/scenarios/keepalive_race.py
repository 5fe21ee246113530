"""A pooled connection is used in the moment in which its server closes it.

A Node.js server closes a connection that has been idle for as long as its keepAliveTimeout says. A client keeps its connections for
longer, and sends a request on one just as the FIN is on its way (or already there, where its pool doesn't look). The server's kernel
has no socket for the request any more and answers it with a RST. Fixed, the server waits longer than the client keeps a connection.
"""

from machinery.actors import reuse_after
from machinery.lab import Lab
from products.node import Node

PRODUCTS = (Node,)
FORMS = {"failing": {"server_keeps_s": 2}, "fixed": {"server_keeps_s": 10}}


def play(lab: Lab, server_keeps_s: float) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=40)
    lab.start(Node(server, 3000, keep_alive_s=server_keeps_s))
    # The server's timer runs from its answer, 40 ms before the client has it: requests sent from then until 40 ms after cross its FIN.
    lab.together(lambda idle_s: reuse_after(lab, client, server, 3000, idle_s), [1.0, *(2.86 + step * 0.02 for step in range(10)), 3.3])
