"""Connections to web servers that an administrator named: only where the address policy allows, and not for long.

A name is resolved once and each of its addresses judged; the connection goes to one of them (roles/net/addresses.py).
No proxy is used and no redirect followed.
"""

import ipaddress
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection

from roles.messages import SaidError
from roles.messages import said as _
from roles.net import addresses

logging.getLogger("urllib3.connection").setLevel(logging.ERROR)  # its warnings quote the address

DEFAULT_PORTS = {"http": 80, "https": 443}
LONGEST = 2000  # characters of an address


class BadAddressError(SaidError):
    """What was typed is no address of a web server."""

    def __init__(self) -> None:
        super().__init__(_("This is not a valid address. Example: https://example.com/path."))


class PlainRefusedError(SaidError):
    """http:// to a server outside the networks that the operator named."""

    def __init__(self) -> None:
        super().__init__(
            _("The address begins with http:// and is not in a network of WAYBILL_ALLOWED_NETWORKS. Use https://.")
        )


class _ToJudged:
    """Connects to one of the addresses that were judged, and keeps a second handle to end the connection by."""

    judged: list[tuple[int, Any]]
    step_seconds: float
    handle: socket.socket

    def _new_conn(self) -> socket.socket:
        connected = addresses.connect_to(self.judged, self.step_seconds)
        self.handle = connected.dup()
        return connected


class _Plain(_ToJudged, HTTPConnection):
    """http://"""


class _Encrypted(_ToJudged, HTTPSConnection):
    """https://"""


def split(url: str) -> SplitResult:
    """Return the parts of `url`. Raises BadAddressError where nothing could be sent there."""
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        raise BadAddressError from None
    is_text = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST
    if not (is_text and parts.scheme in ("https", "http") and parts.hostname and has_port and "@" not in parts.netloc):
        raise BadAddressError
    return parts


def connection_to(parts: SplitResult, step_seconds: float) -> HTTPConnection:
    """Return a connection, not opened, to an address of the host that may be reached.

    Nothing is waited for longer than `step_seconds`. Raises AddressRefusedError, PlainRefusedError, and OSError or
    UnicodeError where the name is not known.
    """
    is_plain, host = parts.scheme == "http", parts.hostname or ""
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    judged = addresses.resolve_allowed(host, port)
    if is_plain and not all(addresses.is_listed(ipaddress.ip_address(to[0])) for _family, to in judged):
        raise PlainRefusedError
    made: _Plain | _Encrypted
    if is_plain:
        made = _Plain(host, port, timeout=step_seconds)
    else:
        made = _Encrypted(host, port, timeout=step_seconds, ssl_context=ssl.create_default_context())
    made.judged, made.step_seconds = judged, step_seconds
    return made


@contextmanager
def ended_within(connection: Any, seconds: float) -> Iterator[None]:
    """End the connection after `seconds`, whatever drips through it. Raises TimeoutError then."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        cut(connection)

    clock = threading.Timer(seconds, end)
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


def cut(connection: Any) -> None:
    """Break the connection off from another thread."""
    with suppress(OSError, AttributeError):
        connection.handle.shutdown(socket.SHUT_RDWR)


def close(connection: Any) -> None:
    """Close the connection and the second handle to it."""
    connection.close()
    with suppress(OSError, AttributeError):
        connection.handle.close()
