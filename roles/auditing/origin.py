"""From where something is done: an address of the network, a worker, or the command line."""

import ipaddress
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


@dataclass
class Origin:
    """Where the work at hand comes from; `through` is what its actor went through, "" for the portal's pages."""

    place: str
    request_id: str = ""
    through: str = ""


_process = COMMAND_LINE
_request: ContextVar[Origin | None] = ContextVar("audit_origin", default=None)


def current() -> Origin:
    """Return where the work at hand comes from."""
    return _request.get() or Origin(_process)


def be_process(name: str) -> None:
    """Let what this process and its children do outside of requests come from `name`@host, like worker@db1."""
    global _process  # noqa: PLW0603
    _process = f"{name}@{socket.gethostname()}"[:160]


def go_through(what: str) -> None:
    """Note for the rest of the request that its user acts through `what`, say the eyes of another role."""
    if origin := _request.get():
        origin.through = what[:60]


def client_address(request: HttpRequest) -> str:
    """Return the address that the request comes from, "" where there is none (a socket of this machine).

    Behind a proxy that is what the proxy itself added last; whatever stands before it was typed by the client.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY and (hops := request.META.get("HTTP_X_FORWARDED_FOR", "")):
        address = hops.rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""


class OriginMiddleware:
    """Keep for each request where it comes from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        through = ADMIN if request.path_info.startswith("/admin/") else ""
        token = _request.set(Origin(client_address(request), uuid.uuid4().hex, through))
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)
