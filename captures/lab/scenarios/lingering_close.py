"""A server that closes politely loses requests without a RST.

Apache closes an idle connection by ending its own side and reading on for a while. What it reads then it throws away: a request that
crossed its FIN is acknowledged and never answered, and no RST tells. A client that doesn't look at its pool sends requests even
when the FIN has long been there. Fixed, the server waits longer than the client keeps a connection.
"""

from machinery.actors import reuse_after
from machinery.lab import Lab
from products.apache import Apache

PRODUCTS = (Apache,)
FORMS = {"failing": {"server_keeps_s": 2}, "fixed": {"server_keeps_s": 10}}


def play(lab: Lab, server_keeps_s: float) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=60)
    lab.start(Apache(server, 80, KeepAliveTimeout=str(server_keeps_s)))
    lab.together(lambda idle_s: reuse_after(lab, client, server, 80, idle_s), [1.0, *(1.86 + step * 0.03 for step in range(10)), 2.5, 3.0])
