"""The list and its Discover tab. Everybody sees names and types, administrators the rest (docs/rules.md)."""

from typing import Any

from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from connections.destinations import registry
from connections.discover.tiles import MANY, tiles
from connections.listing.listing import list_connections
from connections.models import Connection
from connections.sharing.sharing import words
from roles.access.policy import EnvironmentRequest, administrators, requires
from roles.permissions import Permission
from roles.searching import search_of
from roles.ui.htmx import render


@requires(Permission.VIEW)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """The list."""
    listing = list_connections(request.access, request.GET)
    is_manager = request.access.has_permission(Permission.MANAGE_CONNECTIONS)
    rows = [(connection, words(connection) if is_manager else "") for connection in listing.page]
    context: dict[str, Any] = {"listing": listing, "rows": rows}
    if not is_manager and request.access.has_permission(Permission.ADD_EXPORTS):
        usable = Connection.objects.usable_by(request.access)
        context |= {"usable": set(usable.values_list("pk", flat=True)), "asked": administrators(request.environment)}
    return render(request, "connections/list.html", context, partial="list", target="list")


@requires(Permission.VIEW)
@require_safe
def discover(request: EnvironmentRequest) -> TemplateResponse:
    """Every connection type, with what it accepts."""
    search = search_of(request.GET)
    found = tiles(request.access, search)
    context = {
        "tiles": found,
        "missing": [] if search else registry.missing(),
        "search": search,
        "has_search": bool(search) or len(found) > MANY,
    }
    return render(request, "connections/discover.html", context, partial="tiles", target="tiles")
