"""One POST to an address that an administrator typed: only where the address policy allows it, and not for long.

The name is resolved once and each of its addresses judged; the connection goes to one of them (roles/net/addresses.py).
No redirect is followed, no proxy used, and of the answer nothing read but its head and, from chats, a few bytes.
"""

import ipaddress
import json
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any
from urllib.parse import SplitResult, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from exports.alerts.errors import NotDeliveredError
from roles.messages import said as _
from roles.net import addresses
from roles.net.retry_after import seconds_of
from roles.secrets import references

logging.getLogger("urllib3.connection").setLevel(logging.ERROR)  # its warnings quote the address

STEP_SECONDS = 8.0  # for each thing that is waited for
ALL_SECONDS = 15.0
DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST = 2000  # characters of an address
MOST_READ = 2000  # bytes of an answer
FAILED_BEHIND = re.compile(r"(?i)failed.{0,80}HTTP error (\d{3})", re.S)
LATER = {408, 409, 425, 429}  # refusals that may pass, besides 5xx
PLAIN_REFUSED = _("The address begins with http:// and is not in a network of WAYBILL_ALLOWED_NETWORKS. Use https://.")
NO_ADDRESS = _("This is not a valid address. Example: https://hooks.example.com/services/1.")
SLOW = _("The receiver did not answer in time.")


class _ToJudged:
    """Connects to one of the addresses that were judged, and keeps a second handle to end the connection by."""

    judged: list[tuple[int, Any]]
    handle: socket.socket

    def _new_conn(self) -> socket.socket:
        connected = addresses.connect_to(self.judged, STEP_SECONDS)
        self.handle = connected.dup()
        return connected


class _Plain(_ToJudged, HTTPConnection):
    """http://"""


class _Encrypted(_ToJudged, HTTPSConnection):
    """https://"""


def split(url: str) -> SplitResult:
    """Return the parts of `url`. Raises NotDeliveredError where nothing could be sent there."""
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        raise NotDeliveredError(NO_ADDRESS) from None
    is_text = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST
    if not (is_text and parts.scheme in ("https", "http") and parts.hostname and has_port and "@" not in parts.netloc):
        raise NotDeliveredError(NO_ADDRESS)
    return parts


def server_of(url: str) -> str:
    """Return what tells the server of `url` from others: how it is spoken to, its name and its port.

    A reference stands for itself. Raises NotDeliveredError.
    """
    if references.is_reference(url):
        return url
    parts = split(url)
    return f"{parts.scheme} {parts.hostname} {parts.port or DEFAULT_PORTS[parts.scheme]}"


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, refusal_of: Callable[[str], int | None] | None = None
) -> None:
    """Send `body`. Raises NotDeliveredError unless the receiver answers 2xx in time.

    `refusal_of` finds in the answer's body the status of a refusal, 0 where it names none, None where there is none.
    """
    connection = _connection(split(url))
    try:
        with _ended_in_time(connection):
            path = urllib3.util.parse_url(url).request_uri
            connection.request("POST", path, body, headers, preload_content=False, decode_content=False)
            answer = connection.getresponse()
            _judge(answer.status, answer.headers.get("Retry-After", ""))
            if refusal_of is not None:
                _judge_body(answer.status, refusal_of(answer.read(MOST_READ).decode(errors="replace")))
    except ssl.SSLCertVerificationError:
        raise NotDeliveredError(_("The receiver's certificate is not valid for its address.")) from None
    except addresses.AddressRefusedError as error:
        raise NotDeliveredError(error.message) from None
    except TimeoutError:
        raise NotDeliveredError(SLOW, is_permanent=False) from None
    except (OSError, HTTPException, urllib3.exceptions.HTTPError, ValueError, EOFError) as error:
        raise _cut(error) from None
    finally:
        connection.close()


def _connection(parts: SplitResult) -> HTTPConnection:
    """Return a connection, not opened, to an address of the host that may be reached."""
    is_plain, host = parts.scheme == "http", parts.hostname or ""
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    judged = _judged(host, port, is_plain=is_plain)
    made: _Plain | _Encrypted
    if is_plain:
        made = _Plain(host, port, timeout=STEP_SECONDS)
    else:
        made = _Encrypted(host, port, timeout=STEP_SECONDS, ssl_context=ssl.create_default_context())
    made.judged = judged
    return made


def _judged(host: str, port: int, *, is_plain: bool) -> list[tuple[int, Any]]:
    try:
        found = addresses.resolve_allowed(host, port)
    except addresses.AddressRefusedError as error:
        raise NotDeliveredError(error.message) from None
    except (OSError, UnicodeError):
        text = _("The receiver's server name was not found. Check the address.")
        raise NotDeliveredError(text, is_permanent=False) from None
    if is_plain and not all(addresses.is_listed(ipaddress.ip_address(to[0])) for _family, to in found):
        raise NotDeliveredError(PLAIN_REFUSED)
    return found


@contextmanager
def _ended_in_time(connection: Any) -> Iterator[None]:
    """End the connection after ALL_SECONDS, whatever drips through it. Raises TimeoutError then."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        with suppress(OSError, AttributeError):
            connection.handle.shutdown(socket.SHUT_RDWR)

    clock = threading.Timer(ALL_SECONDS, end)
    clock.start()
    try:
        yield
        if is_late.is_set():
            raise TimeoutError
    except Exception:
        if is_late.is_set():
            raise TimeoutError from None
        raise
    finally:
        clock.cancel()
        with suppress(OSError, AttributeError):
            connection.handle.close()


def _judge(status: int, retry_after: str) -> None:
    """Take 2xx. Raises NotDeliveredError for every other answer."""
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise NotDeliveredError(_("The receiver redirects to another address. Enter the final address."))
    text = _("The receiver answered %(status)d.") % {"status": status}
    is_passing = status >= 500 or status in LATER
    raise NotDeliveredError(text, is_permanent=not is_passing, retry_after=seconds_of(retry_after))


def refusal_of_chat(text: str) -> int | None:
    """Return the status of a refusal that a chat reports in the body of an answer that says 200.

    Teams says "…endpoint returned HTTP error 429…", others {"ok": false} or {"success": false}; a page comes from a
    server that is no receiver at all.
    """
    if failed := FAILED_BEHIND.search(text):
        return int(failed[1])
    if text.lstrip().lower().startswith(("<!doctype html", "<html")):
        return 0
    try:
        said = json.loads(text)
    except ValueError:
        return None
    return 0 if isinstance(said, dict) and (said.get("ok") is False or said.get("success") is False) else None


def _judge_body(status: int, refusal: int | None) -> None:
    """Raise NotDeliveredError for a refusal in the body of an answer."""
    if refusal is None:
        return
    text = _("The receiver answered %(status)d, but its answer says that it did not take the message.")
    if refusal:
        text = _("The receiver answered %(status)d, but reports an error %(refusal)d.")
    is_passing = refusal >= 500 or refusal in LATER
    raise NotDeliveredError(text % {"status": status, "refusal": refusal}, is_permanent=not is_passing)


def _cut(error: Exception) -> NotDeliveredError:
    """What to say of a line that was not there, or ended; the cause may quote the address."""
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return NotDeliveredError(SLOW, is_permanent=False)
    if isinstance(error, ConnectionRefusedError):
        return NotDeliveredError(_("Nothing answers at this address."), is_permanent=False)
    if isinstance(error, HTTPException) and not isinstance(error, OSError):
        return NotDeliveredError(_("The receiver's answer is not HTTP."), is_permanent=False)
    return NotDeliveredError(_("The receiver closed the connection without an answer."), is_permanent=False)
