"""One connection of a web process: waitress's own, with time limits for requests and answers."""

import contextlib
import ipaddress
import logging
import re
import socket
import struct
import time
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import ChunkedReceiver
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import BadRequest

if TYPE_CHECKING:
    from config.web.server import Listener

log = logging.getLogger("waybill.web")
TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
REFUSALS = {
    400: "The request cannot be read.",
    413: "More was sent at once than Waybill takes. Send less.",
    431: "The request's headers are too long.",
    500: "Something went wrong in Waybill. Try again.",
    501: "Waybill cannot read a request in this encoding.",
}


MOST_BETWEEN_CHUNKS = 8192  # bytes
MOST_AT_ONCE = 32  # requests of a connection that wait for their answers
TRANSFER_ENCODING = re.compile(rb"^transfer-encoding:", re.IGNORECASE | re.MULTILINE)


class _HeadAnsweredError(Exception):
    """The answer to a HEAD request is complete."""


class Request(HTTPRequestParser):
    """A request. An ambiguous end is refused, where waitress would guess."""

    def received(self, data: bytes) -> int:
        """Take bytes. What stands between chunks is read anew with each piece, so it is bounded."""
        count = int(super().received(data))
        body = self.body_rcv
        if isinstance(body, ChunkedReceiver) and len(body.control_line) + len(body.trailer) > MOST_BETWEEN_CHUNKS:
            self.error, self.completed = BadRequest("Too much between chunks"), True
        return count

    def parse_header(self, header_plus: bytes) -> None:
        """Read its first line and headers. Raises ParsingError."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # of addresses and numbers that are none
            raise ParsingError(type(error).__name__) from None
        if TRANSFER_ENCODING.search(header_plus) and ("CONTENT_LENGTH" in self.headers or not self.chunked):
            raise ParsingError("Transfer-Encoding does not say alone where the request ends")


class Task(WSGITask):
    """One request. Whatever its application raises reaches the log, and a HEAD request gets headers alone."""

    def service(self) -> None:
        """Answer; a failure after the headers breaks the connection, so that no half answer looks whole."""
        try:
            with contextlib.suppress(_HeadAnsweredError):
                self.start()
                self.execute()
                self.finish()
        except Exception:
            self.channel.is_broken = self.wrote_header
            raise

    def write(self, data: bytes) -> None:
        """Send some of the answer."""
        is_head = self.request.command == "HEAD"
        super().write(b"" if is_head else data)
        if is_head:
            raise _HeadAnsweredError


class Refusal(ErrorTask):
    """The answer to what is no request that the application could be asked."""

    def execute(self) -> None:
        """Say in one sentence why."""
        error = self.request.error
        body = f"{REFUSALS.get(error.code, error.reason)}\n".encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
        ]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(b"" if self.request.__dict__.get("command") == "HEAD" else body)


class Channel(HTTPChannel):
    """A connection. All but `service` and what that calls runs in the process's main thread."""

    task_class, error_task_class, parser_class = Task, Refusal, Request

    def __init__(self, server: "Listener", sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:
        self.house = server.house
        self.client = client_of(addr)
        self.waits_since = time.monotonic()
        self.began_at: float | None = None  # the first byte of the request that is coming
        self.held = 0  # bytes of it
        self.is_broken = False
        self.sent = 0
        self._looked_at, self._sent_then = self.waits_since, 0
        super().__init__(server, sock, addr, adj, map=map)

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is being done for it: no request is complete, and no answer is being sent."""
        return not self.requests and not self.total_outbufs_len

    @property
    def is_idle(self) -> bool:
        """Whether it is between two requests."""
        return self.is_waiting and self.began_at is None

    @property
    def queued_bytes(self) -> int:
        """How much it holds of requests that are complete: threads take them from the list meanwhile."""
        return sum(_length(request) for request in list(self.requests))

    def readable(self) -> bool:
        """Whether to read what it sends."""
        return bool(super().readable()) and not self.house.is_full

    def received(self, data: bytes) -> bool:
        """Take bytes. Blank lines are no request: the time that began with the first of them goes on."""
        now = time.monotonic()
        self.began_at = self.began_at or now
        taken = bool(super().received(data))
        if self.requests:
            self.began_at = now if self.request else None
        self._hold(_length(self.request))
        if self.house.held > self.house.bounds.waiting_bytes:
            self.house.make_memory()
        if len(self.requests) > MOST_AT_ONCE:
            self.give_up()
        return taken

    def _hold(self, held: int) -> None:
        self.house.held += held - self.held
        self.held = held

    def service(self) -> None:
        """Answer a request, in a thread of its own."""
        super().service()
        if not self.requests:
            self.waits_since = time.monotonic()

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send what the line takes, and count it."""
        count = int(super().send(data, do_close=do_close))
        self.sent += count
        return count

    def is_overdue(self, now: float) -> bool:
        """Whether it has exceeded a time limit."""
        bounds = self.house.bounds
        if not self.is_waiting:
            self.began_at = self.began_at and now
            return self._is_stuck(now)
        self._looked_at = now
        if self.began_at is not None:
            return now - self.began_at > bounds.request_seconds
        return now - self.waits_since > bounds.idle_seconds

    def _is_stuck(self, now: float) -> bool:
        """Whether its reader took too little of what waits for it."""
        bounds = self.house.bounds
        if not self.total_outbufs_len or self.sent - self._sent_then >= bounds.send_bytes:
            self._looked_at, self._sent_then = now, self.sent
        return now - self._looked_at > bounds.send_seconds

    def give_up(self) -> None:
        """Close it now; a thread that waits for its reader goes on, and ends."""
        if self.is_waiting and self.began_at is not None:
            with contextlib.suppress(OSError):
                self.socket.send(TOO_LATE)
        self.is_broken = self.is_broken or not self.is_waiting
        self.handle_close()

    def handle_close(self) -> None:
        """Close it; a broken answer ends with a reset, so that no reader takes it for complete."""
        if self.is_broken and self.socket:
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        super().handle_close()

    def del_channel(self, map: Any = None) -> None:
        """Forget it."""
        self._hold(0)
        super().del_channel(map)


def client_of(address: Any) -> str:
    """Return whom a connection is counted for: an address, of IPv6 the network that one customer has."""
    try:
        found = ipaddress.ip_address(address[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((int(found), 64), strict=False))
    return str(found)


def _length(request: Any) -> int:
    return len(request.header_plus) + request.body_bytes_received if request else 0
