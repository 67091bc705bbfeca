"""Settings > System > Status: how every table, segment and export stands, and how far the system refresh is."""

from typing import Any
from urllib.parse import urlencode
from zlib import crc32

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from exports.models import PartKind, RefreshPart
from exports.refresh.pages.items import StatusLine, status_lines
from exports.refresh.pages.listing import PAGE_SIZE, Key, StatusListing, list_all
from exports.refresh.pages.past import past_refreshes
from exports.refresh.pages.seen import seen_of
from exports.refresh.pages.workflow import workflow_of
from roles import reader
from roles.access.policy import EnvironmentRequest, requires
from roles.permissions import Permission
from roles.typed import typed_id
from roles.ui.htmx import render, render_panel
from roles.ui.panels import panel
from roles.ui.polls import answer_poll
from segments.models import Segment, Table

OWN = ("shown", "head", "all")  # what a poll adds to the list's own query
FAST, SLOW = "every 1s", "every 5s"
NOUNS: dict[str, Any] = {PartKind.TABLE.value: Table, PartKind.SEGMENT.value: Segment}


def url_of(request: EnvironmentRequest, name: str, **kwargs: Any) -> str:
    return reverse(f"system:{name}", kwargs={"environment": request.environment.slug, **kwargs})


@requires(Permission.VIEW)
@require_safe
def status(request: EnvironmentRequest) -> TemplateResponse:
    """Settings > System."""
    listing = list_all(request.environment, request.GET)
    items = status_lines(request.environment, listing.keys)
    context = _head(request, listing, items, shown_all=listing.all) | {"items": items, "page": listing.page}
    return render(request, "system/status.html", context, partial="list", target="list")


@requires(Permission.VIEW)
@require_safe
def changes(request: EnvironmentRequest) -> HttpResponse:
    """Return what has changed since the page was shown; 204 if nothing has."""
    shown = _shown(request.GET.get("shown", ""))
    return answer_poll(request, lambda: seen_of(request.environment, list(shown)), lambda: _changes(request, shown))


def _changes(request: EnvironmentRequest, shown: dict[Key, str]) -> HttpResponse:
    listing = list_all(request.environment, request.GET)
    items = status_lines(request.environment, list(shown))
    changed = [item for item in items if item.version != shown[item.kind.value, item.pk]]
    shown_all = typed_id(request.GET.get("all"))
    head = _head(request, listing, items, shown_all, is_stale=listing.all != shown_all or len(items) < len(shown))
    has_new_head = head["head"] != request.GET.get("head")
    if not changed and not has_new_head:
        return HttpResponse(status=204)
    return TemplateResponse(
        request, "system/status.html#changes", head | {"items": changed, "has_new_head": has_new_head}
    )


@requires(Permission.VIEW)
@panel
@require_safe
def item(request: EnvironmentRequest, kind: str, pk: int) -> TemplateResponse:
    """The last times that a table or segment was refreshed with the system, as a panel."""
    if kind not in NOUNS:
        raise Http404
    noun = get_object_or_404(NOUNS[kind], pk=pk, environment=request.environment)
    parts = RefreshPart.objects.filter(kind=kind, object_id=pk, refresh__environment=request.environment)
    found = status_lines(request.environment, [(kind, pk)])
    context = {"noun": noun, "item": found[0], "past": past_refreshes(parts), "is_segment": kind == PartKind.SEGMENT}
    return render_panel(request, "system/item.html", context)


def _head(
    request: EnvironmentRequest,
    listing: StatusListing,
    items: list[StatusLine],
    shown_all: int,
    *,
    is_stale: bool = False,
) -> dict[str, Any]:
    """Return what stands around the rows, and how the page asks for what changes."""
    workflow = workflow_of(request.environment)
    is_moving = workflow.is_under_way or any(one.is_moving for one in items)
    facts = (
        workflow.facts,
        workflow.age,
        request.environment.paused_at,
        sorted(listing.counts.items()),
        listing.found,
        is_moving,
        is_stale,
        reader.key(),
    )
    head = f"{crc32(repr(facts).encode()):x}"
    query = [(name, value) for name, value in request.GET.items() if name not in OWN]
    path = url_of(request, "list")
    # What stands outside of the list is not part of its fragment: the poll brings it at once.
    is_part = request.htmx and request.htmx.target == "list"
    trigger = FAST if is_moving else SLOW
    poll = urlencode([*query, ("head", "" if is_part else head), ("all", shown_all)])
    return {
        "listing": listing,
        "workflow": workflow,
        "is_stale": is_stale,
        "head": head,
        "trigger": f"load, {trigger}" if is_part else trigger,
        "list_path": path,
        "list_url": f"{path}?{urlencode(query)}" if query else path,
        "poll_url": f"{url_of(request, 'changes')}?{poll}",
    }


def _shown(text: str) -> dict[Key, str]:
    """Return the versions of at most a page of rows by key; what is no key is left out."""
    found: dict[Key, str] = {}
    for entry in text.split(",", PAGE_SIZE)[:PAGE_SIZE]:
        key, _colon, version = entry.partition(":")
        kind, _dash, pk = key.partition("-")
        if kind in PartKind.values and typed_id(pk):
            found[kind, typed_id(pk)] = version
    return found
