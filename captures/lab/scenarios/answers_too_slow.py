"""The work takes longer than somebody waits.

A report of gunicorn's takes 4 s. nginx before it waits for 3 s and answers 504. curl waits for 2 s: it gives up on nginx, which drops its
own request then, or on gunicorn, where it asks that itself. Fixed, everybody waits long enough.
"""

from machinery.actors import curl
from machinery.lab import HEALTHY, Lab, verdict
from products.gunicorn import Gunicorn
from products.nginx import NginxSite

PRODUCTS = (NginxSite, Gunicorn)
FORMS = {"failing": {"proxy_waits_s": 3, "curl_waits_s": 2}, "fixed": {"proxy_waits_s": 10, "curl_waits_s": 10}}


def play(lab: Lab, proxy_waits_s: float, curl_waits_s: float) -> None:
    client, proxy, server = lab.hosts("client", "proxy", "server")
    lab.wire(client, proxy, one_way_ms=10)
    lab.wire(client, server, one_way_ms=10)
    lab.wire(proxy, server)
    lab.vantage("client", client)
    lab.vantage("proxy", proxy)
    lab.vantage("server", server)
    lab.record()
    gunicorn = lab.start(Gunicorn(server, 8000, keep_alive_s=10))
    lab.start(NginxSite(proxy, 80, passes_to=f"{server.address_towards(proxy)}:8000", proxy_read_timeout=f"{proxy_waits_s}s"))
    ended = {}  # by the report's target: what ended the wait for it

    def ask(of, port: int, number: int, work_s: float, patience_s: float) -> None:
        target = f"/report/{number}?work={work_s:g}"
        transfer = curl(lab, client, of, port, target, "--max-time", f"{patience_s:g}", "-w", "%{http_code}")
        status, printed = transfer.wait()
        lab.note(f"a report of {work_s:g} s: {printed.decode().replace(chr(10), ', ')}")
        if status == 28 or printed == b"504":
            ended[target] = "curl gave up" if status == 28 else "nginx gave up"
            transfer.was("response_timeout", impact="request_lost response_lost", note=ended[target])

    def behind(seen):
        why = ended.get(gunicorn.asked_from(seen.source.split(":")[1]))
        if not why:
            return HEALTHY
        # Only who sees both legs can tell that nginx passes on what curl did, and for that they have to have something in common.
        if why == "curl gave up" and seen.vantage == "proxy":
            return verdict("propagated", note=why, hidden="both legs have nothing in common but the moment")
        return verdict("response_timeout", note=why)

    lab.judge(proxy, server, behind)
    quick, slow, cut = (0.1, 30), (4, 30), (4, curl_waits_s)
    asks = [(proxy, 80, quick), (proxy, 80, slow), (proxy, 80, cut), (server, 8000, quick), (server, 8000, cut),
            (proxy, 80, slow), (server, 8000, slow), (proxy, 80, cut), (server, 8000, cut)]
    lab.together(lambda one: ask(one[1][0], one[1][1], one[0], *one[1][2]), enumerate(asks), stagger_s=0.2)
    # The reports that nobody waits for any more are written, too.
    lab.sleep(2)
