"""A server's process is killed in the middle of its work.

*mid_response*: gunicorn is killed while it streams. The kernel closes its sockets: clients get a part of the response, and a FIN. *unread*:
it has one thread, and is killed with requests in its sockets that it had not read: that makes a RST of the close. *worker_timeout*:
the arbiter kills a worker that streams for longer than --timeout. Fixed, gunicorn is told to end, and finishes its work.
"""

import signal

from machinery.lab import Lab
from products.gunicorn import Gunicorn

PRODUCTS = (Gunicorn,)
FORMS = {"mid_response": {"threads": 16}, "unread": {"threads": 1}, "worker_timeout": {"worker_class": "sync", "timeout_s": 1, "by": 0},
         "fixed": {"threads": 16, "by": signal.SIGTERM}}


def play(lab: Lab, threads: int = 1, worker_class: str = "gthread", timeout_s: int = 30, by: int = signal.SIGKILL) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=10)
    gunicorn = lab.start(Gunicorn(server, 8000, threads=threads, worker_class=worker_class, timeout_s=timeout_s))
    killed = []

    def ask(parts: int) -> None:
        connection = lab.connect(client, server, 8000)
        answer = connection.ask(b"GET /orders?stream=%d HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n" % parts)
        body = answer.partition(b"\r\n\r\n")[2]
        lab.note(f"{len(body)} of {parts * 1000} bytes; {connection.error or 'closed'}")
        if len(body) < parts * 1000:
            assert killed or timeout_s == 1
            connection.was("server_abort", fault="server", impact="response_truncated" if body else "request_lost response_lost")
        connection.close()

    for _ in range(2 if worker_class == "sync" else 0):
        ask(3)  # what ends well
    if by:
        lab.together(ask, [1, 2, 3])
        streams = lambda: lab.together(ask, [20, 25, 30, 22], stagger_s=0.2)
        lab.together(lambda act: act(), [streams, lambda: _kill(lab, gunicorn, by, killed)])
    else:
        ask(30)


def _kill(lab: Lab, gunicorn: Gunicorn, by: int, killed: list) -> None:
    lab.sleep(1.4)
    killed.append(by)
    if by == signal.SIGTERM:
        gunicorn.process.send_signal(by)  # the arbiter; it lets the worker finish
    else:
        gunicorn.kill(by)
