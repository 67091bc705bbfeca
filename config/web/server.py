"""One web process: waitress, which uses a thread only for complete requests, and its bounds."""

import logging
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import BaseWSGIServer, TcpWSGIServer, UnixWSGIServer
from waitress.task import ThreadedTaskDispatcher

from config.web.bounds import Bounds
from config.web.channel import Channel

log = logging.getLogger("waybill.web")
THREADS = 4
TICK_SECONDS = 1.0
ARRIVAL_SECONDS_AT_END = 2.0  # for requests that are still coming when the process is told to stop
LARGEST_PIECE = 64 << 20


class House:
    """All connections of a process, through whichever socket, and the loop that serves them."""

    def __init__(
        self,
        application: Callable[..., Any],
        sockets: Sequence[socket.socket],
        bounds: Bounds,
        *,
        most_body: int,
        behind_proxy: bool = False,
        threads: int = THREADS,
    ) -> None:
        self.bounds = bounds
        self.held = 0
        self.is_full = False  # nothing more is read until threads have taken some of what is complete
        self.is_stopping = False
        self._map: dict[int, Any] = {}
        self._dispatcher = ThreadedTaskDispatcher()
        self._dispatcher.set_thread_count(threads)
        adjustments = _adjustments(bounds, most_body, behind_proxy, threads)
        self._listeners = [self._listener(application, each, adjustments) for each in sockets]

    def _listener(self, application: Callable[..., Any], made: socket.socket, adjustments: Adjustments) -> "Listener":
        kind = UnixListener if made.family == socket.AF_UNIX else TcpListener
        info = (made.family, made.type, made.proto, made.getsockname())
        return kind(
            self, application, self._map, True, made,
            dispatcher=self._dispatcher, adj=adjustments, bind_socket=False, sockinfo=info,
        )  # fmt: skip

    @property
    def channels(self) -> list[Channel]:
        """The open connections."""
        return [channel for listener in self._listeners for channel in listener.active_channels.values()]

    @property
    def is_busy(self) -> bool:
        """Whether a request waits for a thread; another process may then take what comes."""
        return bool(self._dispatcher.queue)

    def run(self, beat: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop`, calling `beat` about each second."""
        while not self.is_stopping:
            self._turn(TICK_SECONDS)
            beat()

    def stop(self) -> None:
        """Make `run` return; a signal or any thread may call this."""
        self.is_stopping = True
        for listener in self._listeners:
            listener.pull_trigger()

    def finish(self, seconds: float) -> bool:
        """Accept nothing new, and end current requests within `seconds`; return whether all ended."""
        for listener in self._listeners:
            listener.accepting = False
        end = time.monotonic() + seconds
        arrival_end = min(end, time.monotonic() + ARRIVAL_SECONDS_AT_END)
        while self.channels and time.monotonic() < end:
            for channel in self.channels:
                if channel.is_idle or (channel.is_waiting and time.monotonic() > arrival_end):
                    channel.give_up()
            self._turn(0.05)
        return not self.channels

    def close(self) -> None:
        """Close every connection; listening sockets are only closed here, since others share them."""
        for channel in self.channels:
            channel.give_up()
        self._dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._map)

    def _turn(self, seconds: float) -> None:
        """Serve what is there, then close what took too long; never inside of the loop over the sockets."""
        self.is_full = self.is_busy and self._queued_bytes() > self.bounds.waiting_bytes
        wasyncore.poll2(seconds, self._map)
        now = time.monotonic()
        for channel in self.channels:
            if channel.is_overdue(now):
                channel.give_up()

    def _queued_bytes(self) -> int:
        return sum(channel.queued_bytes for channel in self.channels)

    def make_room(self, newest: Channel) -> None:
        """Close the longest waiting connection if there are too many: of the newest one's address, or of all."""
        most = self.bounds.of_an_address
        if most is not None and newest.client:
            _close_oldest([each for each in self.channels if each.client == newest.client], most)
        _close_oldest(self.channels, self.bounds.connections)

    def make_memory(self) -> None:
        """Close the slowest senders of requests until the others' data fits."""
        coming = sorted((each for each in self.channels if each.held), key=lambda each: each.began_at or 0.0)
        for channel in coming:
            if self.held > self.bounds.waiting_bytes:
                channel.give_up()


def _close_oldest(channels: list[Channel], most: int) -> None:
    """Leave `most` of them, if enough are only waiting; those that are served stay, so the newest may go."""
    waiting = sorted((each for each in channels if each.is_waiting), key=lambda each: each.waits_since)
    for channel in waiting[: max(0, len(channels) - most)]:
        channel.give_up()


class Listener(BaseWSGIServer):
    """A listening socket."""

    channel_class = Channel
    active_channels: dict[int, Channel]

    def __init__(self, house: House, *words: Any, **options: Any) -> None:
        self.house = house
        super().__init__(*words, **options)

    def readable(self) -> bool:
        """Whether to take a new connection."""
        return bool(self.accepting) and not self.house.is_busy

    def handle_accept(self) -> None:
        """Take a connection, and close another one where there are too many."""
        before = set(self.active_channels)
        super().handle_accept()
        for number in self.active_channels.keys() - before:
            self.house.make_room(self.active_channels[number])


class TcpListener(Listener, TcpWSGIServer):
    """A port."""


class UnixListener(Listener, UnixWSGIServer):
    """A socket file; its connections have no address."""

    def fix_addr(self, addr: Any) -> tuple[str, None]:
        """Return what stands for the address of a client."""
        return ("", None)


def _adjustments(bounds: Bounds, most_body: int, behind_proxy: bool, threads: int) -> Adjustments:
    return Adjustments(
        threads=threads,
        ident="",
        backlog=512,
        recv_bytes=65536,
        connection_limit=bounds.connections + 10_000,  # `make_room` bounds them: whoever comes is never left waiting
        max_request_header_size=32_768,
        max_request_body_size=most_body,
        # Nothing of a request or an answer goes to the disk, where passwords in it would outlive it.
        inbuf_overflow=LARGEST_PIECE,
        outbuf_overflow=LARGEST_PIECE,
        outbuf_high_watermark=1 << 20,
        expose_tracebacks=False,
        log_socket_errors=False,
        # Behind a proxy Django itself reads X-Forwarded-*; else nobody shall.
        clear_untrusted_proxy_headers=not behind_proxy,
        asyncore_use_poll=True,
    )
