"""HAProxy's `option nolinger` cuts the responses of an object store short.

Somebody put `option nolinger` on the frontend before a Ceph RADOS gateway, to be rid of sockets in TIME_WAIT, and `option httpclose`.
HAProxy then closes with SO_LINGER 0: it hands the last bytes of a response to its kernel, closes, and the kernel throws away what it
had not yet sent and sends a RST. Small objects arrive whole; one that is larger than the first flight of segments is cut short.

See it fail: in the form *failing* each GET of 24 kB ends early, for a client of one's own as for boto3, whose retries don't cover a body
that breaks off. Read the verdict at the client: `abortive_truncation`, with how much is missing; where the response was small,
`abortive_close`, which harms nobody. Apply the fix: take `option nolinger` out (*fixed*). In *harmless* it is there, but connections
are kept and the clients close them: HAProxy answers their FIN with a RST, and nothing is lost.
"""

from machinery import s3
from machinery.judging import resets_instead_of_closing
from machinery.lab import Lab, verdict
from products.boto3 import Boto3
from products.ceph import BUCKET, KEY, SECRET, Ceph
from products.haproxy import HAProxy

PRODUCTS = (Ceph, HAProxy, Boto3)
FORMS = {
    "failing": {"frontend": ("option nolinger", "option httpclose")},
    "harmless": {"frontend": ("option nolinger",)},
    "fixed": {"frontend": ("option httpclose",)},
}
SMALL, LARGE = 2_000, 24_000


def play(lab: Lab, frontend: tuple[str, ...]) -> None:
    client, worker, balancer, store = lab.hosts("client", "worker", "balancer", "store")
    lab.wire(client, balancer, one_way_ms=20)
    lab.wire(worker, balancer, one_way_ms=20)
    lab.wire(balancer, store)
    lab.vantage("client", client)
    lab.vantage("worker", worker)
    lab.vantage("balancer", balancer)
    lab.record()
    ceph = lab.start(Ceph(store))
    lab.start(HAProxy(balancer, 8080, f"{store.address}:{ceph.port}", frontend=frontend))
    address = balancer.address_towards(client)

    def storm(number: int) -> None:
        """Without retries."""
        connection = None
        for key, size in ((f"small-{number}", SMALL), (f"large-{number}", LARGE)):
            for method in ("PUT", "GET"):
                connection = connection or lab.connect(client, address, 8080)
                body = b"s" * size if method == "PUT" else b""
                answer = connection.ask(s3.request(method, address, f"/{BUCKET}/{key}", (KEY, SECRET), body))
                whole = method == "PUT" or len(answer.partition(b"\r\n\r\n")[2]) == size
                lab.note(f"client: {method} {key}: {answer[9:12].decode() or 'no response'}{'' if whole else ' cut short'}")
                if not whole:
                    connection.was("abortive_truncation", fault="server", impact="response_truncated")
                elif "option nolinger" in frontend:
                    connection.was("abortive_close", impact="none", optional=True)
                if "option httpclose" in frontend or not whole:
                    connection.close()
                    connection = None
        if connection:
            connection.close()

    cut: set[str] = set()

    def storm_of_boto3() -> None:
        plans = [[(method, f"{name}-boto-{number}", size) for name, size in (("small", SMALL), ("large", LARGE))
                  for method in ("PUT", "GET")] for number in range(2)]
        for operation in Boto3.run(lab, worker, balancer.address_towards(worker), 8080, plans, (KEY, SECRET, BUCKET)):
            lab.note(str(operation))
            cut.update(attempt.source for attempt in operation.attempts if not attempt.whole)

    lab.judge(worker, balancer, lambda seen: verdict("abortive_truncation", fault="server", impact="response_truncated")
              if seen.source in cut else resets_instead_of_closing(balancer)(seen))
    lab.judge(balancer, store, resets_instead_of_closing(balancer))
    lab.together(lambda act: act(), [lambda: lab.together(storm, range(2)), storm_of_boto3])
