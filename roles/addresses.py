"""Which network addresses may be reached: one policy for everything that Waybill connects to.

A name is resolved once, every address it has is judged, and the connection goes to an address that was judged,
so that a name server cannot answer one thing to the check and another to the connection.
"""

import ipaddress
import socket
import time
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Global to some versions of Python, though nothing public is there: what clouds tell their own machines, relays of
# 6to4 that are no more, and examples in books.
_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text) for text in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "3fff::/20")
)
# Networks whose last 32 bits are an IPv4 address: IPv4-compatible and NAT64.
_TRAILING_IPV4 = tuple(ipaddress.IPv6Network(text) for text in ("::/96", "64:ff9b::/96"))


class AddressRefusedError(Exception):
    """The address policy does not allow this address: `message` names the setting, `detail` the address."""

    def __init__(self, host: str, address: str) -> None:
        self.message = _(
            "The server is in a private or reserved network. Whoever operates Waybill can allow that network in "
            "the setting WAYBILL_ALLOWED_NETWORKS."
        )
        names = {"host": host, "address": address}
        if host == address:
            self.detail = _("No network in WAYBILL_ALLOWED_NETWORKS holds %(address)s.") % names
        else:
            self.detail = _("%(host)s is at %(address)s, which no network in WAYBILL_ALLOWED_NETWORKS holds.") % names
        super().__init__(self.message)


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


def connect_to(addresses: list[tuple[int, Any]], timeout: float) -> socket.socket:
    """Return a TCP connection to the first of `resolve_allowed`'s addresses that answers.

    Each is judged once more as it is connected to. Raises AddressRefusedError, OSError.
    """
    deadline = time.monotonic() + timeout
    error = OSError("no address")
    for family, sockaddr in addresses:
        try:
            return _open(family, sockaddr, max(0.1, deadline - time.monotonic()))
        except OSError as refused:
            error = refused
    raise error


def is_allowed(address: Address) -> bool:
    """Tell whether Waybill may connect to `address`: a public one, or one inside ALLOWED_NETWORKS."""
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
    """Tell whether `address` lies in a network that the operator named in ALLOWED_NETWORKS."""
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
    """The IPv4 address that a gateway would unwrap from `address`."""
    if address.sixtofour:
        return address.sixtofour
    if any(address in network for network in _TRAILING_IPV4):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _open(family: int, sockaddr: Any, timeout: float) -> socket.socket:
    if not is_allowed(ipaddress.ip_address(sockaddr[0])):
        raise AddressRefusedError(sockaddr[0], sockaddr[0])
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        connection.connect(sockaddr)
    except OSError:
        connection.close()
        raise
    return connection
