"""A mail server on loopback that keeps what it is sent, or refuses all of it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Dialogue(socketserver.StreamRequestHandler):
    """As much SMTP as a client needs to hand over a mail (RFC 5321)."""

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].split()[0].upper()
            if verb == "DATA" and not self.server.refuses:
                self.say("354 go on")
                self.server.kept.append(b"".join(iter(self.rfile.readline, b".\r\n")).decode())
            self.say({"QUIT": "221 bye", "RCPT": "550 no" if self.server.refuses else "250 ok"}.get(verb, "250 ok"))
            if verb == "QUIT":
                return

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class MailServer(socketserver.ThreadingTCPServer):
    """Knows the mails that it `kept`."""

    daemon_threads = True

    def __init__(self, refuses: bool) -> None:
        self.kept: list[str] = []
        self.refuses = refuses
        super().__init__(("127.0.0.1", 0), _Dialogue)


@contextmanager
def running_mail_server(refuses: bool = False) -> Iterator[MailServer]:
    with MailServer(refuses) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(60)
