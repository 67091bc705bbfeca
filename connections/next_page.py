"""The page that sent somebody here to add a connection and that gets them back, with the connection."""

import json
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme

from roles.access import EnvironmentRequest


def next_page(request: EnvironmentRequest) -> str:
    """Return the path (with its query) in `next`; empty unless it is a page of the open environment."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    if not wanted.startswith("/") or not url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return ""
    parts = urlsplit(wanted)
    try:
        found = resolve(parts.path)
    except Resolver404:
        return ""
    is_ours = found.kwargs.get("environment") == request.environment.slug
    return urlunsplit(("", "", parts.path, parts.query, "")) if is_ours else ""


def with_next(url: str, following: str) -> str:
    """Return `url`, carrying `following` as its `next` where there is one."""
    return f"{url}?{urlencode({'next': following})}" if following else url


def with_connection(following: str, pk: int) -> str:
    """Return the page to go back to with `connection=<pk>` in its query."""
    parts = urlsplit(following)
    query = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != "connection"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("connection", pk)])))


def back(request: EnvironmentRequest, url: str, text: str, *, changed: str) -> HttpResponse:
    """Say `text` and open `url`: in the panel with htmx, as a page without."""
    if not getattr(request, "htmx", None):
        messages.success(request, text)
        return HttpResponseRedirect(url)
    # The panel has an entry of its own in the history already.
    place = {"path": url, "target": "#panel", "push": "false"}
    triggers = {changed: True, "announce": text}
    return HttpResponse(headers={"HX-Location": json.dumps(place), "HX-Trigger": json.dumps(triggers)})
