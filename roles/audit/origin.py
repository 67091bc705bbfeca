"""Where an action comes from: an address of the network, a worker, or the command line."""

import ipaddress
import re
import socket
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_noop

COMMAND_LINE = gettext_noop("command line")
ADMIN = gettext_noop("Django admin")

# [address of IPv6]:port, address of IPv4:port, or an address alone
_WITH_PORT = re.compile(r"\[([^\[\]]{2,60})\](?::\d{1,5})?|([\d.]{7,15}):\d{1,5}|([^\[\]]{2,60})")


@dataclass
class Origin:
    """Where the current work comes from; `through` names the way its actor took, "" for the portal's pages."""

    place: str
    request_id: str = ""
    through: str = ""


_process = COMMAND_LINE
_request: ContextVar[Origin | None] = ContextVar("audit_origin", default=None)


def current() -> Origin:
    """Return where the current work comes from."""
    return _request.get() or Origin(_process)


def set_process(name: str) -> None:
    """Set the origin of what this process and its children do outside of requests: `name`@host, like worker@db1."""
    global _process  # noqa: PLW0603
    _process = f"{name}@{socket.gethostname()}"[:160]


def client_address(request: HttpRequest) -> str:
    """Return the address that the request comes from, "" where there is none (a socket of this machine).

    Behind a proxy that is what the proxy itself added last; whatever stands before it was typed by the client.
    """
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.BEHIND_PROXY else ""
    return _address_in(hops.rpartition(",")[2] if hops else request.META.get("REMOTE_ADDR", ""))


def client_network(request: HttpRequest) -> str:
    """Return the network by which requests are counted: the address, or for IPv6 the customer's /64."""
    address = client_address(request)
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if ":" in address else address


def _address_in(text: str) -> str:
    """Return the address in `text`, which may have a port; "" if there is none."""
    match = _WITH_PORT.fullmatch(text.strip().strip('"'))
    if not match:
        return ""
    try:
        address = ipaddress.ip_address(match[1] or match[2] or match[3])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))  # without a zone of this machine
    return str(address)


class OriginMiddleware:
    """Keep the origin of each request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        through = ADMIN if request.path_info.startswith("/admin/") else ""
        token = _request.set(Origin(client_address(request), uuid.uuid4().hex, through))
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)
