"""A day in which everything happens, drawn by lot.

Some 300 connections to a dozen ports of two hosts: more than half of them are well, the others break in every way that the servers and
clients of ours know. When each begins, how long it pauses and how much it moves is drawn from the lab's seed (--seed); what became of it,
its client, its server and the kernels saw.
"""

import ssl

from machinery.actors import (Server, answers, answers_early, breaks_off, cuts_off_uploads, echoes, forgets_idle, late_request,
                              never_answers, never_reads, request, resets_after_each, resets_at_once, takes_lines, whole)
from machinery.lab import HEALTHY, Lab, verdict
from machinery.software import certificate

FORMS = {"drawn": {}}
LIMIT_S = 150
SECONDS = 42  # within which connections begin
KEEPS_S = {80: 3, 81: 3.5, 82: 2.5}  # the ports of `web` that close what is idle; the last of them by a RST


def play(lab: Lab) -> None:
    client, web, app = lab.hosts("client", "web", "app")
    lab.wire(client, web, one_way_ms=6)
    lab.wire(client, app, one_way_ms=25)
    lab.vantage("client", client)
    lab.vantage("server", web, app)
    lab.record()
    papers = certificate(lab.scratch, "shop")
    speaks = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    speaks.load_cert_chain(*papers)
    old = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    old.load_cert_chain(*papers)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    listens = ssl.create_default_context(cafile=papers[0])
    modern = ssl.create_default_context(cafile=papers[0])
    modern.minimum_version = ssl.TLSVersion.TLSv1_3
    for host, port, behaviour, context in (
            (web, 80, answers(KEEPS_S[80]), None), (web, 81, answers(KEEPS_S[81], "lingers"), None),
            (web, 82, answers(KEEPS_S[82], "reset"), None),
            (web, 84, breaks_off(), None), (web, 86, breaks_off(), None), (web, 85, resets_after_each(), None),
            (web, 87, resets_at_once(), None), (web, 88, never_reads(2.5), None),
            (app, 80, answers(), None), (app, 81, never_answers(gives_up_s=2.5), None), (app, 82, cuts_off_uploads(1.8), None),
            (app, 83, takes_lines(1500), None), (app, 84, forgets_idle(2, 1.5), None), (app, 87, echoes(), None),
            (app, 443, answers(), speaks), (app, 444, answers(), old)):
        lab.start(Server(lab, host, port, behaviour, context=context))
    refusing = lab.start(Server(lab, web, 83, answers_early()))
    lab.start(Server(lab, app, 86, None, backlog=1))
    for port in (80, 81):
        lab.habit("keepalive_mismatch", web, port)

    dice = lab.random
    acts: list[tuple] = []  # when, what, with which lots

    def plan(count: int, act, *lots) -> None:
        """`act` so many times; each lot is a function of the dice, drawn now, so that the seed alone decides."""
        for _ in range(count):
            acts.append((dice.uniform(0, SECONDS), act, *(lot() for lot in lots)))

    def some(*choices):
        return lambda: dice.choice(choices)

    def between(low: float, high: float):
        return lambda: dice.uniform(low, high)

    def size(low: int = 100, high: int = 4000):
        return lambda: int(dice.triangular(low, high, low))

    def pauses(longest: float, most: int = 4):
        return lambda: [dice.triangular(0, longest, 0.2) for _ in range(dice.randint(0, most))]

    # -- who is well -------------------------------------------------------------------------------------------------------

    def browse(where, gaps, bytes_each, ends) -> None:
        connection = lab.connect(client, *where)
        for gap in (0, *gaps):
            lab.sleep(gap)
            assert whole(connection.ask(request(bytes_each))), (where, connection.error)
        if ends == "half":
            connection.finish_sending()
            connection.receive()
        if ends == "waits":
            connection.socket.settimeout(30)
            connection.receive()
        lab.sleep(0.1 if ends == "abort" else 0)
        connection.abort() if ends == "abort" else connection.close()

    def pipeline(where, count) -> None:
        connection = lab.connect(client, *where)
        connection.send(request(200) * count)
        connection.finish_sending()
        while connection.receive():
            pass
        connection.close()

    def talk(gaps) -> None:
        connection = lab.connect(client, app, 87)
        for gap in (0, *gaps):
            lab.sleep(gap)
            connection.send(b"word " * 20)
            assert len(connection.receive_exactly(100)) == 100
        connection.close()

    def poll(after_s) -> None:
        connection = lab.connect(client, app, 80)
        assert whole(connection.ask(request(after_s=after_s)))
        connection.close()

    def by_tls(gaps, farewell) -> None:
        connection = lab.connect(client, app, 443)
        assert connection.start_tls(listens, "shop"), connection.error
        for gap in (0, *gaps):
            lab.sleep(gap)
            assert whole(connection.ask(request()))
        if farewell:
            connection.end_tls()
        # The server's goodbye may come late.
        late = verdict("late_data_after_close", fault="nobody", impact="none")
        connection.judged_by(lambda seen: late if any(reset.host == client.name for reset in seen.resets) else HEALTHY)
        connection.close()

    busy = some((web, 80), (web, 81), (app, 80), (app, 80))
    plan(60, browse, busy, pauses(1.8), size(), some("fin", "fin", "fin", "abort", "half"))
    plan(12, browse, some((web, 80), (web, 81)), pauses(1.5, 2), size(), some("waits"))
    plan(20, browse, some((web, 84)), pauses(1.5, 2), size(1000, 12_000), some("fin"))
    plan(5, browse, some((web, 86)), pauses(1.5, 2), size(), some("fin"))
    plan(14, browse, some((app, 84)), pauses(1.2), size(), some("fin"))
    plan(8, pipeline, busy, some(2, 3, 4))
    plan(14, talk, pauses(5))
    plan(10, poll, between(0.5, 4))
    plan(16, by_tls, pauses(2), some(True, False))

    # -- who isn't ---------------------------------------------------------------------------------------------------------

    def reuse(port, around_s) -> None:
        connection = lab.connect(client, web, port)
        assert connection.ask(request())
        lab.sleep(KEEPS_S[port] + around_s)
        knew = connection.peer_has_closed()
        if knew and port == 82:
            connection.was("idle_reset", "one_end", impact="none")
        elif not whole(connection.ask(request())):
            connection.judged_by(late_request(web, knew, "reset" if port == 82 else "fin"))
        connection.close()

    plan(14, reuse, some(80), between(-0.03, 0.03))
    plan(6, reuse, some(80), between(0.1, 1))
    plan(12, reuse, some(81), between(-0.03, 0.03))
    plan(5, reuse, some(81), between(0.1, 1.2))
    plan(6, reuse, some(82), between(-0.01, 0.01))
    plan(6, reuse, some(82), between(0.1, 1))

    def forgotten(idle_s) -> None:
        connection = lab.connect(client, app, 84)
        assert connection.ask(request())
        lab.sleep(idle_s)
        if not connection.ask(request()):
            connection.was("dead_keepalive", "reset", impact="request_lost")
        connection.close()

    plan(7, forgotten, between(2.2, 4))

    def download_stopped(part, how) -> None:
        connection = lab.connect(client, app, 80, receive_buffer=4096)
        connection.send(request(size=80_000))
        assert connection.receive_exactly(part)
        connection.was("client_abort", "response")
        connection.abort() if how == "abort" else connection.close()

    def upload_stopped(part, how) -> None:
        connection = lab.connect(client, app, 80)
        connection.send(request(body=part, announced=9000))
        lab.sleep(0.2)
        connection.was("client_abort", "request")
        connection.abort() if how == "abort" else connection.close()

    def patience_ends(patience_s, how) -> None:
        connection = lab.connect(client, app, 80, timeout=patience_s)
        assert not connection.ask(request(after_s=6)) and connection.error == "timeout"
        connection.was("response_timeout", fault="client")
        connection.abort() if how == "abort" else connection.close()

    plan(8, download_stopped, size(500, 10_000), some("abort", "close"))
    plan(6, upload_stopped, size(500, 6000), some("abort", "close"))
    plan(8, patience_ends, between(1.5, 4), some("abort", "close"))

    def never_answered(where) -> None:
        connection = lab.connect(client, *where)
        if not connection.ask(request()):
            connection.was("response_timeout", fault="server")
        connection.close()

    def stalled_upload(pause_s) -> None:
        connection = lab.connect(client, app, 82)
        connection.send(request(body=1000, announced=3000))
        lab.sleep(pause_s)
        connection.send(b"b" * 2000)
        answer = connection.receive() if connection.well else b""
        if b" 200 " not in answer[:20]:
            connection.was("request_timeout", fault="server")
        connection.close()

    def refused_upload(body) -> None:
        connection = lab.connect(client, web, 83)
        asked = request(body=body)
        answer = connection.ask(asked)
        connection.judged_by(lambda seen: unread(seen, connection, len(asked), answer))
        connection.close()

    def unread(seen, connection, size, answer):
        if not any(reset.host == web.name for reset in seen.resets):
            return HEALTHY
        peer = refusing.peer_of(connection)
        # Where all of it had arrived when the server closed, only the status tells this from a close by linger 0.
        arrived = peer.received + peer.deeds[-1].unread == size
        causes = "unread_close abortive_close" if arrived else "unread_close"
        return verdict(causes, fault="server nobody", impact="none" if answer else "response_lost")

    def broken_off(port, cut) -> None:
        connection = lab.connect(client, web, port)
        if not whole(connection.ask(request(size=15_000, cut=cut))):
            # Once it is the exception, often it is the habit.
            connection.was("server_abort" if port == 84 else "abortive_truncation", fault="server", impact="response_truncated")
        connection.close()

    def lingers_for_no_time(bytes_each) -> None:
        connection = lab.connect(client, web, 85)
        if whole(connection.ask(request(bytes_each))):
            connection.was("abortive_close", impact="none")
        else:
            connection.was("abortive_truncation", fault="server", impact="response_truncated")
        connection.close()

    plan(10, never_answered, some((app, 81), (web, 88)))
    plan(7, stalled_upload, some(0.3, 0.5, 2.5, 3))
    plan(8, refused_upload, size(500, 12_000))
    plan(1, broken_off, some(84), between(0.2, 0.8))
    plan(5, broken_off, some(86), between(0.2, 0.8))
    plan(14, lingers_for_no_time, some(300, 1500, 4000, 40_000, 60_000))

    def refused() -> None:
        connection = lab.connect(client, app, 85)
        assert connection.error == "ECONNREFUSED"
        connection.was("connection_refused", "reset", impact="connect_failed")
        connection.close()

    def thrown_out() -> None:
        connection = lab.connect(client, web, 87)
        connection.ask(request())
        # A reset straight after the handshake: what a full listener does looks the same.
        connection.was("accept_overflow unread_close server_abort", fault="server")
        connection.close()

    def probe(where) -> None:
        connection = lab.connect(client, *where)
        connection.was("handshake_probe", impact="none")
        connection.abort()

    def ship(pause_s) -> None:
        connection = lab.connect(client, app, 83)
        for number in range(30):
            lab.sleep(pause_s)
            if not connection.send(b"%d " % number + b"x" * 90 + b"\n"):
                break
        if not connection.well:
            connection.was("write_after_close")
        connection.close()

    def distrust(port) -> None:
        connection = lab.connect(client, app, port)
        assert not connection.start_tls(modern if port == 444 else ssl.create_default_context(), "shop")
        connection.was("tls_failure")
        connection.close()

    plan(6, refused)
    plan(5, thrown_out)
    plan(8, probe, some((web, 80), (app, 80), (app, 443)))
    plan(6, ship, between(0.03, 0.2))
    plan(7, distrust, some(443, 444))

    def queue_up(late_s) -> None:
        lab.sleep(late_s)
        connection = lab.connect(client, app, 86, timeout=4)
        if connection.well:
            connection.was("accept_overflow", "unserved", "server")
            connection.ask(request())
        else:
            connection.was("accept_overflow", "dropped", "server", "connect_failed connect_delayed")
        connection.close()

    acts.extend((20, queue_up, number * 0.2) for number in range(5))

    def begin(act) -> None:
        when, what, *lots = act
        lab.sleep(when)
        what(*lots)

    lab.together(begin, acts)
    lab.sleep(3)  # what is answered though nobody waits any more
