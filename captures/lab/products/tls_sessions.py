from __future__ import annotations

from machinery.software import Service, certificate

_PROGRAM = """
import select, socket, ssl, sys, threading, time

address, port, forgets_s, gives_up_s, says_so = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), sys.argv[5] == "True"
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("crt.pem", "key.pem")


def serve(raw):
    session = context.wrap_socket(raw, server_side=True)
    while session.pending() or select.select([session], [], [], forgets_s)[0]:
        request = session.recv(65536)
        if not request:
            session.close()
            return
        body = b"%d bytes read\\n" % len(request)
        session.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
    if says_so:
        session.settimeout(0)
        try:
            session.unwrap()
        except OSError:
            pass  # the close_notify is out; the client's own isn't waited for
        session.shutdown(socket.SHUT_WR)
        session.settimeout(5)
        while session.recv(65536):
            pass
    elif select.select([session], [], [])[0] and socket.socket.recv(session, 1, socket.MSG_PEEK):
        time.sleep(gives_up_s)
    session.close()


listener = socket.create_server((address, port), backlog=64)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


class TlsSessions(Service):
    """A server of ours (Python, OpenSSL) that keeps its sessions in a table, from which an idle one is dropped after `forgets_s`. It either
    `says_so` (close_notify and FIN), or leaves the connection open; what comes on it then waits for a session that never turns up, and
    `gives_up_s` later the socket is closed with the request unread."""

    packages = ("python3",)
    version_command = ("python3", "-c", "import ssl; print(ssl.OPENSSL_VERSION)")

    def __init__(self, host, port: int = 8443, forgets_s: float = 5, gives_up_s: float = 10, says_so: bool = False):
        super().__init__(host, port)
        self.forgets_s, self.gives_up_s, self.says_so = forgets_s, gives_up_s, says_so

    def prepare(self, folder):
        certificate(folder, self.host.address)
        (folder / "server.py").write_text(_PROGRAM)

    def command(self, folder):
        return ["python3", "server.py", self.host.address, str(self.port), str(self.forgets_s), str(self.gives_up_s), str(self.says_so)]

    def settings(self):
        return {"forgets an idle session after": f"{self.forgets_s:g} s", "and": "closes the connection" if self.says_so else
                f"leaves the connection open; gives a request on it up after {self.gives_up_s:g} s"}
