"""Long answers: how many at once, and in pieces that suit slow connections.

A web process sends one from a thread of its own, and the web server breaks off whoever reads too little of it
(config/web/bounds.py). So few of them at once leave threads for everybody else.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress

from django.db import Error, connection
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from roles.access.policy import EnvironmentRequest
from roles.net.limits import refused

MOST_AT_ONCE = 2  # of the four threads of a web process
MOST_OF_A_PERSON = 2  # in all processes of all machines, so that nobody takes every place
PIECE_BYTES = 1 << 18

_slots = threading.BoundedSemaphore(MOST_AT_ONCE)
_here: set[str] = set()  # the places that this process has: PostgreSQL lets a session take its own lock again
_guard = threading.Lock()


class TooManyDownloadsError(Exception):
    """All places for downloads are taken, for people."""


def take_places(person: int, stack: ExitStack) -> None:
    """Take a place for the user with the id `person` until `stack` is closed. Raises TooManyDownloadsError."""
    if not any(_take(f"waybill:download:{person}:{number}", stack) for number in range(MOST_OF_A_PERSON)):
        raise TooManyDownloadsError(
            _("Two of your downloads are in progress. Wait until one ends or cancel it, then try again.")
        )
    slots = _slots
    if not slots.acquire(blocking=False):
        raise TooManyDownloadsError(_("Too many downloads are in progress. Wait until one ends, then try again."))
    stack.callback(slots.release)


def as_answer(
    chunks: Iterable[bytes],
    name: str,
    close: Callable[[], None],
    *,
    content_type: str = "application/octet-stream",
    size: int | None = None,
) -> StreamingHttpResponse:
    """Return `chunks` as a download called `name`; calls `close` at its end, also after a failure."""
    headers = {"Content-Disposition": content_disposition_header(True, name) or "", "X-Content-Type-Options": "nosniff"}
    if size is not None:
        headers["Content-Length"] = str(size)
    return StreamingHttpResponse(_Sent(chunks, close), content_type=content_type, headers=headers)


def download(
    request: EnvironmentRequest,
    chunks: Iterable[bytes],
    name: str,
    *,
    content_type: str,
    note: Callable[[], object] = lambda: None,
) -> HttpResponseBase:
    """Return `chunks` as a download called `name` after calling `note`, or say that there are too many."""
    stack = ExitStack()
    try:
        take_places(request.user.pk, stack)
        note()
    except TooManyDownloadsError as error:
        stack.close()
        return refused(request, str(error), title=_("Too many downloads"))
    except BaseException:
        stack.close()
        raise
    return as_answer(chunks, name, stack.close, content_type=content_type)


class _Sent:
    """Bytes being sent; the sender closes it, even if nothing was read."""

    def __init__(self, chunks: Iterable[bytes], close: Callable[[], None]) -> None:
        self._pieces, self._close = _pieces(chunks), close

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self._close()


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        for start in range(0, len(chunk), PIECE_BYTES):
            yield chunk[start : start + PIECE_BYTES]


def _take(place: str, stack: ExitStack) -> bool:
    """Take a free place; the end of a process's database session frees its place."""
    with _guard:
        if place in _here:
            return False
        _here.add(place)
    stack.callback(_here.discard, place)
    if not _asked("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", place):
        return False
    stack.callback(_give, place)
    return True


def _give(place: str) -> None:
    """Free a place; a broken session has already freed it."""
    with suppress(Error):
        _asked("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", place)


def _asked(question: str, place: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question, [place])
        return bool(cursor.fetchone()[0])
