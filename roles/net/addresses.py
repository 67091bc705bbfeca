"""Which network addresses may be reached: one policy for everything that Waybill connects to.

A name is resolved once, every address it has is judged, and the connection goes to an address that was judged,
so that a name server cannot answer one thing to the check and another to the connection.
"""

import errno
import ipaddress
import os
import selectors
import socket
import time
from contextlib import closing, suppress
from typing import Any

from django.conf import settings

from roles.messages import SaidError
from roles.messages import said as _

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HEAD_START = 0.25  # seconds

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Global to some versions of Python, though nothing public is there: what clouds tell their own machines, relays of
# 6to4 that are no more, and examples in books.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "3fff::/20")
)
# Networks whose last 32 bits are an IPv4 address: IPv4-compatible and NAT64.
_TRAILING_IPV4 = tuple(ipaddress.IPv6Network(text) for text in ("::/96", "64:ff9b::/96"))


class AddressRefusedError(SaidError):
    """The address policy refuses this address: `message` names the setting, `detail` the address."""

    def __init__(self, host: str, address: str) -> None:
        message = _(
            "The server is in a private or reserved network. Ask your Waybill operator to allow that network in "
            "WAYBILL_ALLOWED_NETWORKS."
        )
        names = {"host": host, "address": address}
        if host == address:
            self.detail = _("No network in WAYBILL_ALLOWED_NETWORKS contains %(address)s.") % names
        else:
            self.detail = (
                _("%(host)s is at %(address)s, which no network in WAYBILL_ALLOWED_NETWORKS contains.") % names
            )
        super().__init__(message)


def resolve_allowed(host: str, port: int) -> list[tuple[int, Any]]:
    """Return (family, socket address) for each address of `host`.

    Raises AddressRefusedError when one of them is not allowed, OSError when the name has none.
    """
    found = _resolve(host, port)
    for _family, sockaddr in found:
        if not is_allowed(ipaddress.ip_address(sockaddr[0])):
            raise AddressRefusedError(host, sockaddr[0])
    return found


def connect(host: str, port: int, timeout: float) -> socket.socket:
    """Return a TCP connection to `host`, within `timeout` seconds. Raises AddressRefusedError, OSError."""
    return connect_to(resolve_allowed(host, port), timeout)


def connect_to(addresses: list[tuple[int, Any]], timeout: float, *, speaks_first: bool = False) -> socket.socket:
    """Return a TCP connection to the first of `resolve_allowed`'s addresses that answers.

    Each gets a short head start before the next is tried beside it, so that one that says nothing costs no time.
    With `speaks_first` an answer is that the server says something, not that it takes the connection alone. Each is
    judged once more as it is connected to. Raises AddressRefusedError, OSError.
    """
    with closing(_Race(addresses, timeout, speaks_first and len(addresses) > 1)) as race:
        return race.run()


def is_allowed(address: Address) -> bool:
    """Whether Waybill may connect to `address`: a public one, or one inside ALLOWED_NETWORKS."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return is_listed(address) or _is_public(address)


def _resolve(host: str, port: int) -> list[tuple[int, Any]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except ValueError as error:  # a label that is empty or too long, or a character that no name has
        raise socket.gaierror(socket.EAI_NONAME, "Not a host name") from error
    return [(family, sockaddr) for family, _type, _protocol, _name, sockaddr in found]


def is_listed(address: Address) -> bool:
    """Whether `address` lies in a network that the operator named in ALLOWED_NETWORKS."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in settings.ALLOWED_NETWORKS if network.version == address.version)


def _is_public(address: Address) -> bool:
    if any(address in network for network in _NOT_PUBLIC if network.version == address.version):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    inner = _embedded(address)
    if inner is not None:
        return _is_public(inner)
    return address.is_global and not address.is_multicast and address in _GLOBAL_UNICAST


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a gateway would unwrap from `address`."""
    if address.sixtofour:
        return address.sixtofour
    if any(address in network for network in _TRAILING_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class _Race:
    """Connections to several addresses of one server; the first to answer is kept."""

    def __init__(self, addresses: list[tuple[int, Any]], timeout: float, waits_for_words: bool) -> None:
        self._left, self._waits_for_words = list(addresses), waits_for_words
        self._end = time.monotonic() + timeout
        self._patience = time.monotonic() + timeout / 2  # then one that says nothing is better than none
        self._next_at = 0.0
        self._selector = selectors.DefaultSelector()
        self._silent: list[socket.socket] = []  # connected
        self._error: OSError = OSError("no address")

    def run(self) -> socket.socket:
        """Return the winner; the race no longer owns it."""
        while self._left or self._selector.get_map():
            if self._left and (time.monotonic() >= self._next_at or not self._selector.get_map()):
                self._start(*self._left.pop(0))
            wait = min(self._end, self._next_at if self._left else self._end) - time.monotonic()
            for key, _events in self._selector.select(max(0.0, min(wait, 0.1 if self._silent else wait))):
                if self._has_answered(key.fileobj):  # type: ignore[arg-type]
                    return self._won(key.fileobj)  # type: ignore[arg-type]
            if self._silent and time.monotonic() >= self._patience:
                return self._won(self._silent[0])
            if time.monotonic() >= self._end:
                raise TimeoutError("timed out")
        raise self._error

    def close(self) -> None:
        """Close the connections that lost."""
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _start(self, family: int, sockaddr: Any) -> None:
        if not is_allowed(ipaddress.ip_address(sockaddr[0])):
            raise AddressRefusedError(sockaddr[0], sockaddr[0])
        self._next_at = time.monotonic() + HEAD_START
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # a family that this machine does not have
            self._lost(None, error)
            return
        connection.setblocking(False)
        code = connection.connect_ex(sockaddr)
        if code in {0, errno.EINPROGRESS}:
            self._selector.register(connection, selectors.EVENT_WRITE)
        else:
            self._lost(connection, OSError(code, os.strerror(code)))

    def _has_answered(self, connection: socket.socket) -> bool:
        """Look at a connection that is open, refused, or has something to read."""
        if connection in self._silent:
            return self._speaks(connection)
        code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._selector.unregister(connection)
            self._lost(connection, OSError(code, os.strerror(code)))
            return False
        if self._waits_for_words:
            self._silent.append(connection)
            self._selector.modify(connection, selectors.EVENT_READ)
        return not self._waits_for_words

    def _speaks(self, connection: socket.socket) -> bool:
        """Whether the server sent something, rather than closing the connection at once."""
        with suppress(OSError):
            if connection.recv(1, socket.MSG_PEEK):
                return True
        self._selector.unregister(connection)
        self._silent.remove(connection)
        self._lost(connection, ConnectionResetError("The server ended the connection at once"))
        return False

    def _won(self, connection: socket.socket) -> socket.socket:
        self._selector.unregister(connection)
        connection.settimeout(max(0.1, self._end - time.monotonic()))
        return connection

    def _lost(self, connection: socket.socket | None, error: OSError) -> None:
        """Try the next address at once."""
        self._error, self._next_at = error, 0.0
        if connection is not None:
            connection.close()
