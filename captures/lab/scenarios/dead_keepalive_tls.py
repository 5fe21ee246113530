"""A pooled TLS client whose requests are acknowledged, and reset 10 s later.

A server drops sessions from its table after 2 s of silence, but leaves their connections open. A client's pool can't know: nothing has
been closed. Its next request on such a connection is acknowledged by the server's kernel and read by nobody; the server looks for the
session, gives up 10 s later, and closes the socket with the request unread, which makes the close a RST. It looks as if the network
had swallowed the request for 10 s, and only requests after a pause are hit.

See it fail: in the form *failing* requests after pauses of more than 2 s end without an answer, 10 s later. Read the verdict, at the client
as at the server: `dead_keepalive`, with the longest pause that was survived and the shortest that was not. Apply the fix: the server
closes a connection with its session (*fixed*; a pool that looks before it reuses opens a new one), or, where the server can't be
changed, the pool keeps idle connections for less than that (*fixed_pool*).
"""

import ssl
import time

from machinery.lab import Lab
from products.tls_sessions import TlsSessions

PRODUCTS = (TlsSessions,)
FORMS = {
    "failing": {"server_says_so": False, "pool_keeps_s": 60},
    "fixed": {"server_says_so": True, "pool_keeps_s": 60},
    "fixed_pool": {"server_says_so": False, "pool_keeps_s": 1.5},
}
REQUEST = b"GET /account HTTP/1.1\r\nHost: bank\r\nCookie: session=5f2c1a\r\n\r\n"


def play(lab: Lab, server_says_so: bool, pool_keeps_s: float) -> None:
    client, server = lab.two_hosts("client", "server", one_way_ms=20)
    lab.start(TlsSessions(server, 8443, forgets_s=2, gives_up_s=10, says_so=server_says_so))
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE

    def open_one():
        connection = lab.connect(client, server, 8443, timeout=20)
        connection.start_tls(trusting)
        return connection

    def pooled(pauses_s: list[float]) -> None:
        connection = open_one()
        connection.ask(REQUEST)
        for pause_s in pauses_s:
            lab.sleep(min(pause_s, pool_keeps_s))
            if pause_s > pool_keeps_s or connection.peer_has_closed():
                connection.close()
                lab.sleep(max(pause_s - pool_keeps_s, 0))
                connection = open_one()
            asked = time.monotonic()
            answer = connection.ask(REQUEST)
            took_s = time.monotonic() - asked
            lab.note(f"after a pause of {pause_s:g} s: {'200' if answer else connection.error or 'closed'} after {took_s:.1f} s")
            if not answer:
                connection.was("dead_keepalive", "reset", "server", "request_lost")
        connection.close()

    lab.together(pooled, [[0.5, 1, 1.4], [1.2, 1.2, 2.5], [3], [1, 3.5], [4], [1.4, 1.4, 1.4]])
