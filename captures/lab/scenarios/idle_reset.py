"""A server ends idle connections with a RST.

Its idle timeout is 2 s, and it closes with SO_LINGER 0, to be rid of the port (*failing*). Nothing is lost as long as clients look before
they send. Fixed, it closes with a FIN.
"""

from machinery.actors import Server, answers, request
from machinery.lab import Lab

FORMS = {"failing": {"ends": "reset"}, "fixed": {"ends": "fin"}}


def play(lab: Lab, ends: str) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=5)
    lab.start(Server(lab, server, 8080, answers(keep_alive_s=2, ends=ends)))

    def use(pauses: tuple[float, ...]) -> None:
        connection = lab.connect(client, server, 8080)
        for pause in (0, *pauses):
            lab.sleep(pause)
            if connection.peer_has_closed():
                if ends == "reset":
                    connection.was("idle_reset", "one_end", impact="none")
                break
            assert connection.ask(request()), connection.error
        connection.close()

    lab.together(use, [(3.0,), (0.5, 3.0), (1.0, 1.0, 3.0), (0.4, 0.4, 0.4), (1.3, 2.8), ()], stagger_s=0.15)
