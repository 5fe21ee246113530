"""An ordinary day: four web servers, and people who get what they want.

nginx, Apache, Node.js and gunicorn answer curl, a browser-like client that keeps its connections, one that pipelines, one that ends its
side before the answer comes, and one that closes with a RST when it has everything. A port is used again while the server still waits in
TIME_WAIT; a balancer of somebody's checks health with resets. Nobody may be accused, on a clean path or on a lossy one.
"""

from machinery.actors import curl, whole
from machinery.lab import HEALTHY, Lab
from products.apache import Apache
from products.gunicorn import Gunicorn
from products.nginx import NginxSite
from products.node import Node

PRODUCTS = (Apache, Gunicorn, NginxSite, Node)
FORMS = {"clean": {"loss": 0}, "lossy": {"loss": 0.02}}
PORTS = {"nginx": 80, "apache": 81, "node": 3000, "gunicorn": 8000, "apache_once": 82}


def play(lab: Lab, loss: float) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=12, loss=loss)
    files = {"orders": 300, "film": 60_000}
    lab.start(NginxSite(server, PORTS["nginx"], files, keepalive_timeout="4s"))
    lab.start(Apache(server, PORTS["apache"], files, KeepAliveTimeout="4"))
    lab.start(Apache(server, PORTS["apache_once"], files, KeepAlive="Off"))
    lab.start(Node(server, PORTS["node"], keep_alive_s=5))
    lab.start(Gunicorn(server, PORTS["gunicorn"], keep_alive_s=5))
    lab.judge(client, server, lambda seen: HEALTHY)

    def get(path: str, more: str = "") -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: shop\r\n{more}\r\n".encode()

    def by_curl(port: int, path: str) -> None:
        status, printed = curl(lab, client, server, port, path).wait()
        assert status == 0, printed

    def browse(port: int, gaps: tuple[float, ...]) -> None:
        connection = lab.connect(client, server, port, timeout=30)
        for gap in (0, *gaps):
            lab.sleep(gap)
            assert connection.ask(get("/orders")), (port, connection.error)
        connection.close()

    def pipeline(port: int) -> None:
        connection = lab.connect(client, server, port, timeout=30)
        connection.send(get("/orders") * 3 + get("/orders", "Connection: close\r\n"))
        while connection.receive():
            pass
        assert connection.well
        connection.close()

    def half_close(port: int, path: str) -> None:
        connection = lab.connect(client, server, port, timeout=30)
        connection.send(get(path))
        connection.finish_sending()
        answer = b""
        while more := connection.receive():
            answer += more
        assert whole(answer), (port, len(answer), connection.error)
        connection.close()

    def abort_when_done(port: int, path: str) -> None:
        connection = lab.connect(client, server, port, timeout=30)
        assert whole(connection.ask(get(path)))
        lab.sleep(0.3)
        connection.abort()

    def wait_for_close(port: int) -> None:
        connection = lab.connect(client, server, port, timeout=30)
        assert connection.ask(get("/orders"))
        assert not connection.receive() and connection.well
        connection.close()

    def use_port_again(source_port: int) -> None:
        for _ in range(3):
            connection = lab.connect(client, server, PORTS["apache_once"], source_port=source_port, timeout=30)
            assert connection.well and whole(connection.ask(get("/orders"))), connection.error
            assert not connection.receive()
            connection.close()
            lab.sleep(1)

    def check(port: int) -> None:
        for _ in range(4):
            lab.connect(client, server, port, timeout=30).abort()
            lab.sleep(0.7)

    files_of, keeping = ("nginx", "apache"), ("nginx", "apache", "node", "gunicorn")
    acts = [(by_curl, PORTS[name], "/orders") for name in keeping] + [(by_curl, PORTS[name], "/film") for name in files_of]
    acts += [(browse, PORTS[name], gaps) for name in keeping for gaps in ((), (0.2, 0.1, 0.5), (1.5, 0.3), (0.8, 2.1))]
    # Large files nginx breaks off where the client's side has ended: it takes that for a client who has gone.
    acts += [(half_close, PORTS["apache"], "/film"), (half_close, PORTS["nginx"], "/orders"), (half_close, PORTS["node"], "/orders")]
    acts += [(abort_when_done, PORTS[name], "/film") for name in files_of] + [(abort_when_done, PORTS["node"], "/orders")]
    acts += [(pipeline, PORTS[name]) for name in files_of] + [(wait_for_close, PORTS[name]) for name in keeping]
    acts += [(use_port_again, 30001), (use_port_again, 30002), (check, PORTS["nginx"]), (check, PORTS["node"])]
    lab.random.shuffle(acts)
    lab.together(lambda act: act[0](*act[1:]), acts, stagger_s=0.15)
