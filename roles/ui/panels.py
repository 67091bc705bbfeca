"""Panels have addresses: `?panel=<path within the environment>` on the address of the page that they lie over."""

import re
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

NAME = "panel"
ANSWERS_AT = "Waybill-Panel"  # of an answer to a POST: the address of the panel that it shows
LONGEST = 2000
View = TypeVar("View", bound=Callable[..., Any])
PATH = re.compile(r"[\w/-]+", re.ASCII)


def panel(view: View) -> View:
    """Mark a view whose answer to GET is a panel: `?panel=` opens no other."""
    view.is_panel = True  # type: ignore[attr-defined]
    return view


def address_of(wanted: str, environment: str) -> str:
    """Return the address of the panel `wanted`, a path with its query below /e/<environment>/; "" if it is none."""
    path, _mark, query = wanted.partition("?")
    if len(wanted) > LONGEST or not PATH.fullmatch(path):
        return ""
    address = f"/e/{environment}/{path}"
    try:
        found = resolve(address)
    except Resolver404:
        return ""
    if not getattr(found.func, "is_panel", False) or found.kwargs.get("environment") != environment:
        return ""
    kept = urlencode(parse_qsl(query, keep_blank_values=True))
    return f"{address}?{kept}" if kept else address


def at(response: HttpResponse, address: str) -> HttpResponse:
    """Say at which address the panel that answers a POST is shown again."""
    response.headers[ANSWERS_AT] = address
    return response


class PanelMiddleware:
    """Take `?panel=` out of the query, so that no link and no poll of the page repeats it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: Any, view: Callable[..., HttpResponse], args: Any, kwargs: Any) -> None:
        """Keep the address of the panel as `request.panel`."""
        if NAME not in request.GET:
            return
        request.panel = address_of(request.GET[NAME], kwargs.get("environment", ""))
        query = request.GET.copy()
        del query[NAME]
        request.GET = query
        request.META["QUERY_STRING"] = query.urlencode()
