"""Somebody only wants to know whether the port answers.

HAProxy checks its server every half a second: a connect, and a RST. A monitor of ours does the same, another one sends a FIN. nmap looks
for open ports with SYNs of its own making: its kernel knows nothing of them, and resets what answers. Meanwhile people are served.
"""

from machinery.actors import curl
from machinery.lab import HEALTHY, Lab, verdict
from products.haproxy import HAProxy
from products.nginx import NginxSite
from products.nmap import Nmap

PRODUCTS = (HAProxy, NginxSite, Nmap)
FORMS = {"healthy": {}}
PROBE = verdict("handshake_probe", fault="nobody", impact="none")
REFUSED = verdict("connection_refused", "reset", impact="connect_failed", note="nmap asked a port on which nobody listens")


def play(lab: Lab) -> None:
    client, balancer, server = lab.hosts("client", "balancer", "server")
    lab.wire(client, server, one_way_ms=5)
    lab.wire(client, balancer, one_way_ms=5)
    lab.wire(balancer, server)
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.record()
    lab.start(NginxSite(server, 80))
    proxy = lab.start(HAProxy(balancer, 80, f"{server.address_towards(balancer)}:80", server_options="check inter 500ms"))

    def of_balancer(seen):
        return HEALTHY if seen.source in {exchange.leg for exchange in proxy.exchanges()} else PROBE

    def of_scan(seen):
        return PROBE if any(reset.host == client.name for reset in seen.resets) else REFUSED

    lab.judge(balancer, server, of_balancer)
    lab.judge(client, server, of_scan)

    def people(number: int) -> None:
        for _ in range(4):
            status, printed = curl(lab, client, balancer if number % 2 else server, 80, "/orders").wait()
            assert status == 0, printed
            lab.sleep(0.3)

    def monitor(with_reset: bool) -> None:
        for _ in range(5):
            connection = lab.connect(client, server, 80)
            if with_reset:
                connection.was("handshake_probe", fault="nobody", impact="none")
                connection.abort()
            else:
                connection.close()
            lab.sleep(0.4)

    def scan() -> None:
        lab.sleep(1)
        lab.note(Nmap.ports_open(client, server, 80, 81, 443))

    lab.together(lambda act: act[0](*act[1:]), [(people, 0), (people, 1), (monitor, True), (monitor, False), (scan,)])
