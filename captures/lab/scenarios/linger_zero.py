"""A server closes with SO_LINGER 0, to save the port.

It answers once and closes by a RST. A small response is with the client by then: nothing is lost. Of a larger one the kernel throws away
what it hasn't sent. In the form *waits* the server closes when it knows that everything was acknowledged; fixed, it closes with a FIN.
"""

from machinery.actors import Server, answers, request, resets_after_each, whole
from machinery.lab import Lab

FORMS = {"failing": {"behaviour": resets_after_each()}, "waits": {"behaviour": resets_after_each(waits=True)},
         "fixed": {"behaviour": answers(1)}}


def play(lab: Lab, behaviour) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=25)
    shop = lab.start(Server(lab, server, 8080, behaviour))

    def fetch(size: int) -> None:
        connection = lab.connect(client, server, 8080)
        answer = connection.ask(request(size=size))
        lab.note(f"{size} bytes: {len(answer)} with the head; {connection.error or 'closed'}")
        if not whole(answer):
            connection.was("abortive_truncation", fault="server", impact="response_truncated")
        elif not connection.receive() and connection.error:
            connection.was("abortive_close", impact="none")
        connection.close()

    lab.together(fetch, [200, 800, 5000, 80_000, 120_000, 400, 100_000], stagger_s=0.3)
    lab.sleep(1)
    assert len(shop.peers) == 7
