"""A server that closes politely loses requests without a RST.

Apache closes an idle connection by ending its own side and reading on for a while. What it reads then it throws away: a request that
crossed its FIN is acknowledged and never answered, and no RST tells. A client that doesn't look at its pool sends requests even
when the FIN has long been there. Fixed, the server waits longer than the client keeps a connection.
"""

from machinery.actors import late_request
from machinery.lab import Lab
from products.apache import Apache

PRODUCTS = (Apache,)
FORMS = {"failing": {"server_keeps_s": 2}, "fixed": {"server_keeps_s": 10}}
REQUEST = b"GET /orders HTTP/1.1\r\nHost: shop\r\n\r\n"


def play(lab: Lab, server_keeps_s: float) -> None:
    client, server = lab.hosts("client", "server")
    lab.wire(client, server, one_way_ms=60)
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.record()
    lab.start(Apache(server, 80, KeepAliveTimeout=str(server_keeps_s)))

    def reuse_after(idle_s: float) -> None:
        connection = lab.connect(client, server, 80)
        connection.ask(REQUEST)
        lab.sleep(idle_s)
        knew = connection.peer_has_closed()
        answer = connection.ask(REQUEST)
        lab.note(f"idle for {idle_s:.2f} s, {'the FIN was there' if knew else 'no FIN yet'}: "
                 f"{'200' if answer else connection.error or 'closed without an answer'}")
        if not answer:
            connection.judged_by(late_request(server, knew))
        connection.close()

    lab.together(reuse_after, [1.0, *(1.86 + step * 0.03 for step in range(10)), 2.5, 3.0])
