"""HAProxy's `timeout server` is shorter than what an object store sometimes takes.

A disk of a Ceph cluster hangs for 6 s, and one client stalls for 3 s in the middle of an upload. HAProxy before the RADOS gateway has
`timeout server 2s`: it answers 504 while the store still works, and resets its connection to the gateway. That timeout runs while an
upload stalls, too: it is cut off, with a 504 as well. A client of one's own without retries fails; boto3 waits a little longer each
time, tries again, and gets through.

See it fail: in the form *failing*, with 504s and a broken upload. Read the verdict: `response_timeout` on both legs and `request_timeout`
for the upload, each with the seconds that somebody waited; the upload's other leg, which HAProxy gives up, is `client_abort`. Apply the
fix: a timeout above what the work takes, here 30 s (*fixed*). The same hang then costs 6 s of waiting, and no request.
"""

import threading

from machinery import s3
from machinery.judging import resets_instead_of_closing
from machinery.lab import HEALTHY, Lab, Seen, Verdict, verdict
from products.boto3 import Boto3
from products.ceph import BUCKET, KEY, SECRET, Ceph
from products.haproxy import HAProxy

PRODUCTS = (Ceph, HAProxy, Boto3)
FORMS = {"failing": {"timeout_s": 2}, "fixed": {"timeout_s": 30}}
BODY = b"s" * 8_000


def play(lab: Lab, timeout_s: float) -> None:
    client, worker, balancer, store = lab.hosts("client", "worker", "balancer", "store")
    lab.wire(client, balancer, one_way_ms=20)
    lab.wire(worker, balancer, one_way_ms=20)
    lab.wire(balancer, store)
    lab.vantage("client", client)
    lab.vantage("worker", worker)
    lab.vantage("balancer", balancer)
    lab.vantage("store", store)
    lab.record()
    ceph = lab.start(Ceph(store))
    haproxy = lab.start(HAProxy(balancer, 8080, f"{store.address}:{ceph.port}", timeouts={"server": timeout_s}))
    address = balancer.address_towards(client)

    started, hanging = threading.Event(), threading.Event()
    given_up: set[str] = set()  # connections whose upload HAProxy cut off
    timed_out: set[str] = set()  # connections of boto3's that saw a 504

    def storm(number: int) -> None:
        """Without retries: two before the disk hangs, one while it does."""
        started.wait()
        connection = lab.connect(client, address, 8080)
        for turn, method in enumerate(("PUT", "GET", "PUT" if number % 2 else "GET")):
            if turn == 2:
                hanging.wait()
            answer = connection.ask(s3.request(method, address, f"/{BUCKET}/{number}", (KEY, SECRET), BODY if method == "PUT" else b""))
            lab.note(f"client: {method} {number}: {answer[9:12].decode() or connection.error or 'closed'}")
            if answer[9:12] == b"504":
                connection.was("response_timeout", impact="response_lost")
        connection.close()

    def stalling_upload() -> None:
        started.wait()
        connection = lab.connect(client, address, 8080)
        request = s3.request("PUT", address, f"/{BUCKET}/stalled", (KEY, SECRET), BODY)
        connection.send(request[:-4_000])
        lab.sleep(3)
        answer = connection.ask(request[-4_000:])
        lab.note(f"client: PUT that stalled for 3 s: {answer[9:12].decode() or connection.error or 'closed'}")
        if answer[9:12] != b"200":
            connection.was("request_timeout", impact="request_lost")
            given_up.add(connection.told.source)
        connection.close()

    def storm_of_boto3() -> None:
        plans = [[(method, f"boto-{number}", 8_000) for method in ("PUT", "GET", "PUT", "GET")] for number in range(2)]
        for plan in plans:
            plan.insert(2, ("pause", 1, 0))
        for operation in Boto3.run(lab, worker, balancer.address_towards(worker), 8080, plans, (KEY, SECRET, BUCKET)):
            lab.note(str(operation))
            timed_out.update(attempt.source for attempt in operation.attempts if attempt.status == 504)

    def towards_store(seen: Seen) -> Verdict:
        cut_off = [exchange for exchange in haproxy.exchanges() if exchange.leg == seen.source and exchange.ended == "sH"]
        if any(exchange.client in given_up for exchange in cut_off):
            return verdict("client_abort", "request")
        return verdict("response_timeout", impact="response_lost") if cut_off else resets_instead_of_closing(balancer)(seen)

    lab.judge(worker, balancer, lambda seen: verdict("response_timeout", impact="response_lost") if seen.source in timed_out else HEALTHY)
    lab.judge(balancer, store, towards_store)

    def hang() -> None:
        while not any(exchange.client.startswith(worker.address + ":") for exchange in haproxy.exchanges()):
            lab.sleep(0.05)  # boto3 takes its time to start
        started.set()
        lab.sleep(0.5)
        hanging.set()
        ceph.hang_store(6)

    lab.together(lambda act: act(), [hang, lambda: lab.together(storm, range(3)), stalling_upload, storm_of_boto3])
