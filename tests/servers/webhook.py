"""A receiver of webhooks on loopback: keeps what it is sent, and misbehaves when told to."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

ENDLESS = b"x" * 65_536


@dataclass(frozen=True)
class Received:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def verified_with(self, secret: str) -> Any:
        """Return the payload, checked by another hand than ours; raises WebhookVerificationError."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver(ThreadingHTTPServer):
    """Answers with the next of `behaves`, the last one for good: a status, or what a handler does."""

    daemon_threads = True

    def __init__(self) -> None:
        self.got: list[Received] = []
        self.behaves: list[int | Callable[[BaseHTTPRequestHandler], None]] = [204]
        self.is_over = threading.Event()
        self.scheme = "http"
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        host = "127.0.0.1" if self.scheme == "http" else "localhost"
        return f"{self.scheme}://{host}:{self.server_port}/hooks/planted-path"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.got.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        behaves = self.server.behaves
        now = behaves.pop(0) if len(behaves) > 1 else behaves[0]
        if callable(now):
            now(self)
        else:
            answer(now)(self)

    def do_GET(self) -> None:
        """Whoever follows a redirect comes here."""
        self.do_POST()

    def log_message(self, *_args: Any) -> None:
        pass


def answer(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with `status` and `headers`, their names with _ for -."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return behave


def answer_with(body: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer 200 with `body`."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body.encode())))
        handler.end_headers()
        handler.wfile.write(body.encode())

    return behave


def cut(handler: BaseHTTPRequestHandler) -> None:
    """End the line without a word."""
    handler.close_connection = True
    handler.connection.shutdown(2)


def silent(handler: BaseHTTPRequestHandler) -> None:
    """Say nothing until the test is over."""
    handler.server.is_over.wait(60)
    handler.close_connection = True


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a head that never ends, a little at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.is_over.wait(0.05):
        handler.wfile.write(b"X")
        handler.wfile.flush()


def raw(data: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with `data` as it is, and end."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)
        handler.close_connection = True

    return behave


def garbled(handler: BaseHTTPRequestHandler) -> None:
    """Answer 200 with a head that is none, and end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nXXXX")
    handler.close_connection = True


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Answer 200 with a body that never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    handler.close_connection = True
    while not handler.server.is_over.is_set():
        handler.wfile.write(ENDLESS)


@contextmanager
def running_receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver; with `context` over TLS."""
    with Receiver() as server:
        if context:
            server.scheme = "https"
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.is_over.set()
            server.shutdown()
            thread.join(60)
