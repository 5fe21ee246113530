"""An ingress answers 502 because the application behind it closes idle connections first.

nginx, as an ingress, keeps connections to its application for 60 s. The application closes them sooner: Node after its keepAliveTimeout,
here 2 s, and the second that its timer adds; gunicorn after its --keep-alive of 2 s. A request that nginx passes on in the moment of
that close is lost: the application's kernel answers with a RST, and nginx the client with 502 Bad Gateway. Only requests that fall
into one round trip are hit, which is why such a 502 comes now and then, and never in a test.

See it fail: in the form *failing* some orders end in 502. Read the verdict: in the ingress's capture it is `propagated` on the client's
stream, and names the stream behind, where it is `keepalive_race`, with the time that the application waits; the client's own capture
can only say that the cause is further behind. Apply the fix, the order of the timeouts: in *fixed* Node's server.keepAliveTimeout is 65 s,
longer than nginx keeps a connection, and every order is answered. *gunicorn* and *gunicorn_fixed* are the same with --keep-alive. In
*repaired* the clients send GET: what is safe to repeat nginx repeats, the clients see 200, and the race goes on behind it.
"""

from machinery.judging import met_idle_close
from machinery.lab import Lab
from products.gunicorn import Gunicorn
from products.nginx import Nginx
from products.node import Node

PRODUCTS = (Nginx, Node, Gunicorn)
FORMS = {
    "failing": {"server": "node", "keeps_s": 2},
    "repaired": {"server": "node", "keeps_s": 2, "method": "GET"},
    "fixed": {"server": "node", "keeps_s": 65},
    "gunicorn": {"server": "gunicorn", "keeps_s": 2},
    "gunicorn_fixed": {"server": "gunicorn", "keeps_s": 65},
}


def play(lab: Lab, server: str, keeps_s: float, method: str = "POST") -> None:
    client, ingress, application = lab.hosts("client", "ingress", "application")
    lab.wire(client, ingress, one_way_ms=10)
    lab.wire(ingress, application, one_way_ms=40)
    lab.vantage("client", client)
    lab.vantage("ingress", ingress)
    lab.vantage("application", application)
    lab.judge(ingress, application, met_idle_close(application))
    lab.record()
    # An answer takes a while, so that the connections of all clients are in use at once.
    lab.start({"node": Node, "gunicorn": Gunicorn}[server](application, 3000, keep_alive_s=keeps_s, work_s=0.4))
    lab.start(Nginx(ingress, 8080, f"{application.address}:3000"))
    request = f"{method} /orders HTTP/1.1\r\nHost: shop\r\n".encode() + (b"Content-Length: 5\r\n\r\nteas!" if method == "POST" else b"\r\n")

    def two_orders(pause_s: float) -> None:
        connection = lab.connect(client, ingress, 8080)
        connection.ask(request)
        lab.sleep(pause_s)
        status = connection.ask(request).split(b"\r\n")[0].decode() or connection.error or "closed"
        lab.note(f"{method} after a pause of {pause_s:.2f} s: {status}")
        if "502" in status:
            connection.was("propagated", impact="response_lost")
        lab.sleep(0.3)
        connection.close()

    # The timer runs from the answer, 50 ms before the client has it; what leaves nginx until 40 ms after the FIN left crosses it.
    first_s = {"node": 2.86, "gunicorn": 1.82}[server]
    lab.together(two_orders, [1.0, *(first_s + step * 0.02 for step in range(9)), first_s + 0.44])
