"""A NAT lets a segment through untranslated, and the reset that it draws kills the connection.

A router translates a service's address to a server behind it. A device between them renumbers connections, and loses count now and then:
a segment lies far ahead of its place. Connection tracking calls it invalid, and the router forwards it as it is, with the server's own
address. The client's kernel knows no such connection and resets it; the RST names the right ports and the right number, and ends the
server's end of the real connection. Mostly the service has another port than the server (*failing*), or it is the same (*same_port*).
Fixed, the router drops what is invalid (*fixed*).
"""

from machinery import wire
from machinery.actors import Server, answers, request
from machinery.lab import Lab, verdict

FORMS = {"failing": {"port": 8080}, "same_port": {"port": 80}, "fixed": {"port": 8080, "drops_invalid": True}}


def play(lab: Lab, port: int, drops_invalid: bool = False) -> None:
    client, = lab.hosts("client")
    router = lab.router("router")
    server, = lab.hosts("server")
    lab.wire(client, router, one_way_ms=10)
    lab.wire(router, server, device=wire.Misnumbers(b"Content-Length: 777", side=1))
    service = router.address_towards(client)
    lab.chain(router, "nat", "prerouting", f"ip daddr {service} tcp dport 80 dnat to {server.address}:{port}")
    if drops_invalid:
        lab.chain(router, "filter", "forward", "ct state invalid drop")
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.vantage("both", client, server)
    lab.record()
    lab.start(Server(lab, server, port, answers()))

    def use(sizes: tuple[int, ...]) -> None:
        connection = lab.connect(client, service, 80)
        for size in sizes:
            if not connection.ask(request(size)):
                lab.note(f"the request after the stray: {connection.error}")
                # The server never sees the stray: to it a RST came in the client's name, and the client went on.
                connection.was("conntrack_invalid", "", "middlebox", "request_lost",
                               seen_from={"server": verdict("conntrack_invalid injected_reset", "", "middlebox", "request_lost",
                                                            hidden="what drew the client's RST went another way")})
                lab.stray(connection.told.source, f"{server.address}:{port}", lambda seen: verdict("conntrack_invalid", fault="middlebox"))
                break
            lab.sleep(0.15)
        connection.close()

    lab.together(use, [(300, 500, 777, 400), (300, 200, 100), (777, 300), (200, 300), (250, 350, 450, 777, 100)], stagger_s=0.2)
