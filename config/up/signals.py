"""What wakes or stops `up`: signals, a child's end, a lost terminal."""

import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAskedError(Exception):
    """Ctrl-C, SIGTERM, or the terminal was closed."""


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Turn the signals that mean "stop" into StopAskedError; one that nohup ignores stays ignored."""

    def stop(number: int, frame: FrameType | None) -> None:
        ignore_signals()  # the first one is enough; the rest must not interrupt the stopping
        raise StopAskedError

    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    yield


def ignore_signals() -> None:
    """Let nothing interrupt what follows."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Waiter:
    """Sleeps until a child ends; raises StopAskedError when the terminal is gone."""

    def __init__(self) -> None:
        self._reader, writer = os.pipe()
        for descriptor in (self._reader, writer):
            os.set_blocking(descriptor, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._poll = select.poll()
        self._poll.register(self._reader, select.POLLIN)
        # When make leads the session it alone gets SIGHUP, and waits for us for ever.
        if sys.stdin and sys.stdin.isatty() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            self._poll.register(sys.stdin.fileno(), 0)

    def wait(self, seconds: float) -> None:
        """Sleep `seconds` at most."""
        for descriptor, event in self._poll.poll(seconds * 1000):
            if event & (select.POLLHUP | select.POLLERR):
                ignore_signals()
                raise StopAskedError
            os.read(descriptor, 1000)
