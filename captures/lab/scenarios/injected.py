"""A device on the path ends connections by forging resets.

A filter looks for a word in requests and forges a RST in the server's name (*to_client*), or to both ends (*to_both*). Or somebody adds a
rule to a router that rejects what a client sends, in the middle of its connections (*rule*). In the form *clean* nobody says the word.
"""

from machinery import wire
from machinery.actors import Server, answers, request
from machinery.lab import HEALTHY, Lab, verdict

FORMS = {
    "to_client": {"to": (0,)},
    "to_both": {"to": (0, 1)},
    "rule": {"to": ()},
    "clean": {"to": (0, 1), "word": b"daffodil"},
}
WORD = b"narcissus"


def play(lab: Lab, to: tuple[int, ...], word: bytes = WORD) -> None:
    client, server = lab.hosts("client", "server")
    router = lab.router("router")
    lab.wire(client, router, device=wire.Injects(WORD, 0, to) if to else None)
    lab.wire(router, server, one_way_ms=15)
    lab.vantage("client", client)
    lab.vantage("server", server)
    lab.vantage("both", client, server)
    lab.record()
    lab.start(Server(lab, server, 8080, answers()))

    def use(number: int) -> None:
        connection = lab.connect(client, server, 8080)
        for turn in range(12 if not to else 4):
            says = to and number % 2 and turn == 2
            asked = request().replace(b"shop", word) if says else request()
            if not connection.ask(asked):
                lab.note(f"request {turn + 1}: {connection.error}")
                # The server sees nothing of what is rejected. Where only the client was told, its kernel really has no such connection.
                at_server = verdict("injected_reset" if 1 in to else "injected_reset peer_lost_state client_abort") if to else HEALTHY
                connection.was("injected_reset", fault="middlebox", seen_from={"server": at_server})
                break
            lab.sleep(0.1)
        connection.close()

    def forbid(_) -> None:
        lab.sleep(0.8)
        if not to:
            lab.chain(router, "filter", "forward", f"ip saddr {client.address} reject with tcp reset")

    lab.together(lambda act: act[0](act[1]), [(use, number) for number in range(6)] + [(forbid, 0)], stagger_s=0.05)
