"""`python -m config.web.process`: one process of the web server, started and watched by config/web_server.py.

It is given the numbers of the listening sockets and of a pipe, into which it writes a byte about each second: a web
process that writes none is frozen.
"""

import argparse
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType

from config.web.bounds import Bounds, allow_files

BEAT_SECONDS = 1.0
FIRST_LOOK_SECONDS = 2.0  # a database that is away does not keep the portal from saying so
# A body up to twice Django's limit is taken, so that Waybill's own page says that it is too large.
LARGEST_BODY = 2


def main() -> None:
    """Serve until told to stop."""
    asked = _arguments()
    from django.conf import settings

    from config.web.server import House
    from config.wsgi import application  # reads the settings, and makes ready whatever the first request needs
    from roles.secrets import same_keys

    sockets = [socket.socket(fileno=number) for number in asked.sockets]
    house = House(
        application,
        sockets,
        bounds(),
        most_body=LARGEST_BODY * settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
        behind_proxy=settings.BEHIND_PROXY,
    )
    _stop_on_signals(house.stop)
    refusals: list[str] = []

    def refuse(text: str) -> None:
        refusals.append(text)
        house.stop()

    same_keys.watch_in_thread(refuse).wait(FIRST_LOOK_SECONDS)
    if not refusals:
        house.run(_beating(asked.beat, house.stop))
    has_finished = house.finish(asked.grace)
    house.close()
    if refusals:
        sys.exit(refusals[0])
    if not has_finished:
        sys.stdout.flush()
        os._exit(0)  # threads that are still at work end with the process


def bounds() -> Bounds:
    """Return the bounds as the settings ask for them."""
    from django.conf import settings

    usual = Bounds()
    return Bounds(
        request_seconds=settings.REQUEST_SECONDS,
        connections=allow_files(usual.connections),
        of_an_address=None if settings.BEHIND_PROXY else settings.CONNECTIONS_OF_AN_ADDRESS,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--grace", type=float, required=True)
    parser.add_argument("--beat", type=int, required=True)
    parser.add_argument("sockets", type=int, nargs="+")
    return parser.parse_args()


def _stop_on_signals(stop: Callable[[], None]) -> None:
    def heard(number: int, frame: FrameType | None) -> None:
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, heard)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # of a terminal that is closed: the main process decides


def _beating(pipe: int, stop: Callable[[], None]) -> Callable[[], None]:
    """Return what writes a sign of life, the first one now; it stops the process when nobody reads them."""
    os.set_blocking(pipe, False)
    last = -BEAT_SECONDS

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last < BEAT_SECONDS:
            return
        last = time.monotonic()
        try:
            with contextlib.suppress(BlockingIOError):
                os.write(pipe, b".")
        except BrokenPipeError:
            stop()

    beat()
    return beat


if __name__ == "__main__":
    main()
