"""A proxy passes its server's failure on to the client.

HAProxy stands before a server that now and then breaks off: it closes with the request in hand (HAProxy answers 502), or resets in the
middle of a response. The client sees the proxy break off, within milliseconds of what happened behind it. As a TCP proxy it does so
without a word (*tcp*). Fixed, the server answers whole.
"""

from machinery.actors import Peer, Server, request, whole
from machinery.lab import HEALTHY, Lab, Seen, Verdict, verdict
from products.haproxy import HAProxy

PRODUCTS = (HAProxy,)
FORMS = {"http": {"mode": "http"}, "tcp": {"mode": "tcp"}, "fixed": {"mode": "http", "fails": False}}


def fails_now_and_then(peer: Peer) -> None:
    """answers; where it is asked to, it closes without an answer, or resets in the middle of one"""
    while asked := peer.read_request(60):
        peer.wait(0.1)
        if asked.cut:
            if asked.cut < 1:
                peer.answer(asked.size, share=asked.cut)
                peer.wait(0.1)
            return peer.end("reset" if asked.cut < 1 else "fin")
        if not peer.answer(asked.size):
            break
    peer.end()


def play(lab: Lab, mode: str, fails: bool = True) -> None:
    client, proxy, server = lab.hosts("client", "proxy", "server")
    lab.wire(client, proxy, one_way_ms=5)
    lab.wire(proxy, server, one_way_ms=1)
    lab.vantage("client", client)
    lab.vantage("proxy", proxy)
    lab.vantage("server", server)
    lab.record()
    service = lab.start(Server(lab, server, 9000, fails_now_and_then))
    lab.start(HAProxy(proxy, 8080, f"{server.address}:9000", mode=mode))

    def use(cut: float) -> None:
        connection = lab.connect(client, proxy, 8080)
        for number in range(4):
            answer = connection.ask(request(3000, cut=cut if fails and number == 2 else 0))
            if not whole(answer) or b" 200 " not in answer[:16]:
                lab.note(f"asked to break off at {cut:g}: {answer[:12]!r}, {len(answer)} bytes, {connection.error or 'closed'}")
                # The client can't see behind the proxy: to it the proxy is the server, and a 502 an answer.
                alone = verdict("propagated server_abort", optional=answer.startswith(b"HTTP/1.1 502"))
                connection.was("propagated", impact="response_truncated" if cut < 1 else "request_lost response_lost",
                               seen_from={"client": alone})
                break
            lab.sleep(0.1)
        connection.close()

    def leg(seen: Seen) -> Verdict:
        if seen.reset_by(server, "TCP_STATE"):
            return verdict("server_abort", impact="response_truncated")
        return verdict("server_abort") if seen.source in unanswered else HEALTHY

    lab.judge(proxy, server, leg)
    lab.together(use, [0, 1, 0.5, 0, 1, 0.5, 0, 0], stagger_s=0.25)
    unanswered = {source for source, peer in service.peers.items() if peer.deeds[-1].what == "fin" and not peer.gone}
