"""The page that sent somebody here to add a connection, and gets them back with it."""

import json
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme

from roles.access.policy import EnvironmentRequest

# The names, in whichever app, of what a link may open: lists, and the panes that can wait for a connection. The other
# addresses of an environment are commands, files and parts of pages. This room does not know the apps above it.
PAGES = {"list", "add", "edit", "duplicate"}


def next_page(request: EnvironmentRequest) -> str:
    """Return the path (with its query) in `next`; empty unless it is one of the PAGES of the open environment."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    if not wanted.startswith("/") or not url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return ""
    parts = urlsplit(wanted)
    try:
        found = resolve(parts.path)
    except Resolver404:
        return ""
    is_ours = found.kwargs.get("environment") == request.environment.slug and found.url_name in PAGES
    return urlunsplit(("", "", parts.path, parts.query, "")) if is_ours else ""


def with_next(url: str, following: str) -> str:
    """Return `url` with `following` as its `next`, if there is one."""
    return f"{url}?{urlencode({'next': following})}" if following else url


def is_list(following: str) -> bool:
    """Whether the page to return to is a list, on which no connection is chosen."""
    return bool(following) and resolve(urlsplit(following).path).url_name == "list"


def with_connection(following: str, pk: int) -> str:
    """Return the page with `connection=<pk>` in its query; lists and "" stay unchanged."""
    if not following or is_list(following):
        return following
    parts = urlsplit(following)
    query = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != "connection"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("connection", pk)])))


def back(request: EnvironmentRequest, url: str, text: str, *, changed: str) -> HttpResponse:
    """Say `text` and open `url`: in the panel with htmx, as a page without, and wherever it is a list."""
    is_by_htmx = bool(getattr(request, "htmx", None))
    if not is_by_htmx or is_list(url):
        messages.success(request, text)
        # Nothing is left to ask about before the page is left.
        saved = {"HX-Redirect": url, "HX-Trigger": "panel:saved"}
        return HttpResponse(headers=saved) if is_by_htmx else HttpResponseRedirect(url)
    # The panel has an entry of its own in the history already.
    place = {"path": url, "target": "#panel", "push": "false"}
    triggers = {changed: True, "announce": text}
    return HttpResponse(headers={"HX-Location": json.dumps(place), "HX-Trigger": json.dumps(triggers)})
