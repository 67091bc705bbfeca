"""One POST to an address that an administrator typed: only where the address policy allows it, and not for long.

The name is resolved once and each of its addresses judged; the connection goes to one of them (roles/net/addresses.py).
No redirect is followed, no proxy used, and of the answer nothing read but its head and, from chats, a few bytes.
"""

import json
import re
import ssl
from collections.abc import Callable, Mapping
from http.client import HTTPException
from urllib.parse import SplitResult

import urllib3
from urllib3.connection import HTTPConnection

from exports.alerts.errors import NotDeliveredError
from roles.messages import said as _
from roles.net import addresses, web
from roles.net.retry_after import seconds_of
from roles.secrets import references

STEP_SECONDS = 8.0  # for each thing that is waited for
ALL_SECONDS = 15.0
MOST_READ = 2000  # bytes of an answer
FAILED_BEHIND = re.compile(r"(?i)failed.{0,80}HTTP error (\d{3})", re.S)
LATER = {408, 409, 425, 429}  # refusals that may pass, besides 5xx
PLAIN_REFUSED = _("The address begins with http:// and is not in a network of WAYBILL_ALLOWED_NETWORKS. Use https://.")
NO_ADDRESS = _("This is not a valid address. Example: https://hooks.example.com/services/1.")
SLOW = _("The receiver did not answer in time.")
UNKNOWN = _("The receiver's server name was not found. Check the address.")


def split(url: str) -> SplitResult:
    """Return the parts of `url`. Raises NotDeliveredError where nothing could be sent there."""
    try:
        return web.split(url)
    except web.BadAddressError:
        raise NotDeliveredError(NO_ADDRESS) from None


def server_of(url: str) -> str:
    """Return what tells the server of `url` from others: how it is spoken to, its name and its port.

    A reference stands for itself. Raises NotDeliveredError.
    """
    if references.is_reference(url):
        return url
    parts = split(url)
    return f"{parts.scheme} {parts.hostname} {parts.port or web.DEFAULT_PORTS[parts.scheme]}"


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, refusal_of: Callable[[str], int | None] | None = None
) -> None:
    """Send `body`. Raises NotDeliveredError unless the receiver answers 2xx in time.

    `refusal_of` finds in the answer's body the status of a refusal, 0 where it names none, None where there is none.
    """
    connection = _connection(split(url))
    try:
        with web.ended_within(connection, ALL_SECONDS):
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
        web.close(connection)


def _connection(parts: SplitResult) -> HTTPConnection:
    """Return a connection, not opened, to an address of the host that may be reached."""
    try:
        return web.connection_to(parts, STEP_SECONDS)
    except addresses.AddressRefusedError as error:
        raise NotDeliveredError(error.message) from None
    except web.PlainRefusedError:
        raise NotDeliveredError(PLAIN_REFUSED) from None
    except (OSError, UnicodeError):
        raise NotDeliveredError(UNKNOWN, is_permanent=False) from None


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
