"""A database fails over to a host that knows none of its connections.

The address stays, and the port; whoever answers there now has never heard of the connections. Each client finds out with its next query,
which draws a RST. Where clients were busy that is plain to see (*busy*). Where the host only ever dropped what nobody used (it cleans
its table of sessions up), the busy ones live, and what was idle is lost (*idle*). Fixed, the server closes what it gives up, and the
pool looks before it uses a connection (*fixed*).
"""

import time

from machinery.actors import Server, answers, request
from machinery.lab import Lab

FORMS = {"busy": {"idle_only": False}, "idle": {"idle_only": True}, "fixed": {"idle_only": True, "closes": True}}


def play(lab: Lab, idle_only: bool, closes: bool = False) -> None:
    client, database = lab.two_hosts("client", "database", one_way_ms=10)
    service = lab.start(Server(lab, database, 5432, answers(keep_alive_s=2 if closes else 60)))

    def use(pauses: list[float]) -> None:
        connection = lab.connect(client, database, 5432)
        for pause in (0, *pauses):
            lab.sleep(pause)
            knew = connection.peer_has_closed()
            if closes and knew:
                break
            if not connection.ask(request()):
                lab.note(f"a query {pause:g} s after the last one: {connection.error}")
                connection.was("idle_state_lost" if idle_only else "peer_lost_state", "peer" if idle_only else "",
                               impact="none" if knew else "request_lost")  # an ACK of its own may have drawn the RST already
                break
        connection.close()

    def forget() -> None:
        lab.sleep(3)
        for peer in service.peers.values():
            if not closes and (not idle_only or time.time() - peer.deeds[-1].when > 1):
                peer.vanish()

    busy = [[0.3] * 20, [0.25] * 24]
    lab.together(lambda act: act[0](*act[1:]), [(use, pauses) for pauses in (*busy, [0.5, 3.5], [4.0], [0.2, 0.4, 3.6])] + [(forget,)])
