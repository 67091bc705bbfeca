"""HTTP to the vendors of people-targeting systems: one client for a run, with the address policy and time limits.

Vendors' own packages are not used: they bring many others and go round the address policy.
"""

import ssl
import threading
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

import urllib3

from connections.destinations.base.audiences import Request, Response
from connections.destinations.base.errors import DeliveryError
from roles.messages import said as _
from roles.messages import verbatim
from roles.net import addresses, web

STEP_SECONDS = 30.0  # for each thing that is waited for
MOST_ANSWER = 16 * 1024 * 1024  # bytes

Key = tuple[str, str | None, int | None]


class LostAnswerError(Exception):
    """No answer came: `is_sent` says whether the request may have arrived."""

    def __init__(self, why: str, *, is_sent: bool) -> None:
        super().__init__(why)
        self.is_sent = is_sent


class Client:
    """Sends requests from any thread; each thread keeps its connections open between them."""

    def __init__(self, *, seconds: float, headers: Mapping[str, str] | None = None) -> None:
        self._seconds, self._headers = seconds, dict(headers or {})
        self._own = threading.local()
        self._all: set[Any] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def send(self, request: Request) -> Response:
        """Return the answer, whatever its status. Raises DeliveryError for an address that may not be reached.

        Raises LostAnswerError where no whole answer came in time.
        """
        try:
            parts = web.split(request.url)
        except web.BadAddressError as error:
            raise DeliveryError(error.message, permanent=True) from None
        key = (parts.scheme, parts.hostname, parts.port)
        connection, is_used = self._taken(key)
        if connection is not None:
            try:
                return self._exchange(connection, key, request)
            except LostAnswerError as error:
                # A server may close a connection that it kept open just as it is used again: that request is not lost.
                if not (is_used and error.args[0] == "closed" and request.is_repeatable):
                    raise
        return self._exchange(self._opened(key, parts), key, request)

    def close(self) -> None:
        """Break off whatever is under way, in all threads."""
        with self._lock:
            self._is_closed = True
            for connection in self._all:
                web.cut(connection)
                web.close(connection)
            self._all.clear()

    def _taken(self, key: Key) -> tuple[Any, bool]:
        kept = getattr(self._own, "kept", {}).pop(key, None)
        return kept, kept is not None

    def _opened(self, key: Key, parts: Any) -> Any:
        try:
            made = web.connection_to(parts, min(STEP_SECONDS, self._seconds))
        except (addresses.AddressRefusedError, web.PlainRefusedError) as error:
            detail = getattr(error, "detail", None)
            raise DeliveryError(error.message, detail=detail or "", permanent=True) from None
        except (OSError, UnicodeError) as error:
            raise LostAnswerError("unknown name", is_sent=False) from error
        with self._lock:
            if self._is_closed:
                raise LostAnswerError("canceled", is_sent=False)
            self._all.add(made)
        return made

    def _exchange(self, connection: Any, key: Key, request: Request) -> Response:
        body, sent = request.encoded(), False
        headers = {**self._headers, **request.headers}
        if request.json is not None:
            headers.setdefault("Content-Type", "application/json")
        is_kept, answer = False, None
        try:
            with web.ended_within(connection, self._seconds):
                if connection.sock is None:
                    connection.connect()
                sent = True
                target = urllib3.util.parse_url(request.url).request_uri
                connection.request(request.method, target, body, headers, preload_content=False, decode_content=True)
                answer = connection.getresponse()
                data = _read(answer)
                response = Response(answer.status, {name.lower(): text for name, text in answer.headers.items()}, data)
                is_kept = answer.headers.get("Connection", "").lower() != "close"
                return response
        except addresses.AddressRefusedError as error:
            raise DeliveryError(error.message, detail=error.detail, permanent=True) from None
        except OSError as error:
            raise LostAnswerError(_why(error), is_sent=sent) from error
        except (HTTPException, urllib3.exceptions.HTTPError, ValueError, EOFError) as error:
            raise LostAnswerError(_why(error), is_sent=sent) from error
        finally:
            if is_kept:
                self._keep(key, connection)
            else:
                if answer is not None:
                    answer.close()  # what is not read holds the socket open
                self._drop(connection)

    def _keep(self, key: Key, connection: Any) -> None:
        if not hasattr(self._own, "kept"):
            self._own.kept = {}
        self._own.kept[key] = connection

    def _drop(self, connection: Any) -> None:
        with self._lock:
            self._all.discard(connection)
        web.close(connection)


def _read(answer: Any) -> bytes:
    """Return the whole body. Raises ValueError for one that is too long."""
    data = answer.read(MOST_ANSWER + 1)
    if len(data) > MOST_ANSWER:
        raise ValueError("too long")
    return bytes(data)


def _why(error: Exception) -> str:
    """Return a word for what happened: timeout, refused, closed, certificate, cut."""
    if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError):
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate"
    if isinstance(error, ConnectionResetError | BrokenPipeError | EOFError) or "closed" in str(error).lower():
        return "closed"
    return "cut"


_WORDS = {
    "timeout": _("The destination did not answer in time."),
    "refused": _("No server listens at the destination's address."),
    "certificate": _("The certificate of the destination's server is not valid for its address."),
    "unknown name": _("The name of the destination's server is unknown. Check the address."),
}


def as_delivery_error(lost: LostAnswerError) -> DeliveryError:
    """Return what to say of a request without an answer; it may pass."""
    why = lost.args[0]
    message = _WORDS.get(why) or _("The connection to the destination broke off.")
    return DeliveryError(message, detail=verbatim(why), silent=why == "timeout")
