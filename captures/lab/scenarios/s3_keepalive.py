"""HAProxy closes idle connections after a second, and clients of an object store come back after a second.

`timeout http-keep-alive 1s` stands before a Ceph RADOS gateway, and clients that send a request about once a second. Every now and then
one goes out just as HAProxy closes the connection, and is lost. A client of one's own that neither looks at a connection before it
reuses it nor tries again loses those that come late as well. boto3 looks, and where that can't help it tries again on a new connection:
its callers notice nothing.

See it fail: in the form *failing*, for the client of one's own. Read the verdict: `keepalive_race` where request and FIN crossed, and
`stale_reuse` where the FIN had been there, with the time after which HAProxy closes. In *nolinger* a RST follows its FIN. Apply the fix: a
timeout that is longer than the clients' pauses (*fixed*).
"""

from machinery import s3
from machinery.judging import met_idle_close, resets_instead_of_closing
from machinery.lab import Lab, Seen, Verdict, verdict
from products.boto3 import Boto3
from products.ceph import BUCKET, KEY, SECRET, Ceph
from products.haproxy import HAProxy

PRODUCTS = (Ceph, HAProxy, Boto3)
FORMS = {
    "failing": {"keeps_s": 1},
    "nolinger": {"keeps_s": 1, "frontend": ("option nolinger",)},
    "fixed": {"keeps_s": 10},
}


def play(lab: Lab, keeps_s: float, frontend: tuple[str, ...] = ()) -> None:
    client, worker, balancer, store = lab.hosts("client", "worker", "balancer", "store")
    lab.wire(client, balancer, one_way_ms=40)
    lab.wire(worker, balancer, one_way_ms=40)
    lab.wire(balancer, store)
    lab.vantage("client", client)
    lab.vantage("worker", worker)
    lab.vantage("balancer", balancer)
    lab.record()
    ceph = lab.start(Ceph(store))
    lab.start(HAProxy(balancer, 8080, f"{store.address}:{ceph.port}", timeouts={"http-keep-alive": keeps_s}, frontend=frontend))
    address = balancer.address_towards(client)

    def come_back_after(pause_s: float) -> None:
        """Without a look at the connection, and without retries."""
        put = s3.request("PUT", address, f"/{BUCKET}/{pause_s:.2f}", (KEY, SECRET), b"s" * 1000)
        connection = lab.connect(client, address, 8080)
        connection.ask(put)
        lab.sleep(pause_s)
        knew = connection.peer_has_closed()
        answer = connection.ask(put)
        lab.note(f"client: PUT after a pause of {pause_s:.2f} s{', the FIN was there' if knew else ''}: "
                 f"{answer[9:12].decode() or connection.error or 'closed'}")
        if answer or connection.error == "EPIPE":
            pass  # answered; or its own kernel knew of the RST, and nothing went out
        elif not knew:
            connection.was("keepalive_race", "crossing unread", impact="request_lost")
        else:
            connection.was("stale_reuse", "reset photo_finish", "client", "request_lost")
        connection.close()

    failed: set[str] = set()

    def boto3() -> None:
        plans = [[("PUT", str(number), 1000), ("pause", 0.86 + 0.02 * number, 0), ("PUT", str(number), 1000)] for number in range(8)]
        for operation in Boto3.run(lab, worker, balancer.address_towards(worker), 8080, plans, (KEY, SECRET, BUCKET)):
            lab.note(str(operation))
            failed.update(attempt.source for attempt in operation.attempts if not attempt.status)

    def of_boto3(seen: Seen) -> Verdict:
        # Where HAProxy closes with a RST, the kernel can't tell that from one that a request met: boto3 can, which looks first.
        met = met_idle_close(balancer)(seen)
        return verdict("keepalive_race", "crossing unread", impact="request_lost") if seen.source in failed and not met.causes else met

    lab.judge(worker, balancer, of_boto3)
    lab.judge(balancer, store, resets_instead_of_closing(balancer))
    # HAProxy's timer runs from its answer, 40 ms before the client has it: requests sent from then until 40 ms after cross its FIN.
    lab.together(lambda act: act(), [lambda: lab.together(come_back_after, [0.5, *(0.86 + step * 0.02 for step in range(8)), 1.3]), boto3])
