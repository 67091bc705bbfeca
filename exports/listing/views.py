"""Data > Exports: the list, and what has changed on it since it was shown."""

from urllib.parse import urlencode

from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from exports.listing.first_visit import guide_of
from exports.listing.live import OWN, Live, changes_since, live_of, seen_by
from exports.listing.query import list_exports
from exports.listing.rows import RowRenderer
from exports.shown.exports import ExportFacts
from exports.web.common import can_add, list_url
from roles.access.policy import Access, EnvironmentRequest, administrators, requires
from roles.permissions import Permission
from roles.ui.htmx import render
from roles.ui.polls import answer_poll


@requires(Permission.VIEW)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """Data > Exports."""
    listing = list_exports(request.access, request.GET)
    usable = _can_use_one(listing.exports, request.access) or can_add(request)
    context = {
        "listing": listing,
        "page": listing.page,
        "rows": RowRenderer(request.access, can_duplicate=usable).all(listing.exports),
        "can_add": usable or request.access.has_permission(Permission.MANAGE_CONNECTIONS),  # adds one on the way
        "may_add": request.access.has_permission(Permission.ADD_EXPORTS),
        "whom_to_ask": "" if usable else administrators(request.environment),
        "guide": None if listing.all else guide_of(request.access, can_add=usable),
    }
    return render(
        request, "exports/list.html", context | _live(request, live_of(listing)), partial="list", target="list"
    )


def _can_use_one(exports: list[ExportFacts], access: Access) -> bool:
    """Whether one of these exports has a connection that the user may add exports on. Saves a query."""
    return access.has_permission(Permission.ADD_EXPORTS) and any(one.can_edit and one.connection for one in exports)


@requires(Permission.VIEW)
@require_safe
def changes(request: EnvironmentRequest) -> HttpResponse:
    """Return what has changed since the page was shown; 204 if nothing has."""
    return answer_poll(request, lambda: seen_by(request.access, request.GET), lambda: _changes(request))


def _changes(request: EnvironmentRequest) -> HttpResponse:
    found = changes_since(request.access, request.GET, can_duplicate=can_add(request))
    if not found:
        return HttpResponse(status=204)
    context = {"listing": found.live.listing, "rows": found.rows, "has_new_head": found.has_new_head}
    return TemplateResponse(request, "exports/list.html#changes", context | _live(request, found.live))


def _live(request: EnvironmentRequest, live: Live) -> dict[str, object]:
    """Return the address of the list with its filters, and the address that it polls."""
    query = [(name, value) for name, value in request.GET.items() if name not in OWN]
    poll = urlencode([*query, ("head", live.head), ("all", live.shown_all)])
    path = list_url(request)
    return {
        "live": live,
        "list_path": path,
        "list_url": f"{path}?{urlencode(query)}" if query else path,
        "poll_url": f"{reverse('exports:changes', kwargs={'environment': request.environment.slug})}?{poll}",
    }
