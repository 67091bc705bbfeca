"""Data > Exports: the list and its rows."""

from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from exports.listing import list_exports
from exports.rows import rows_of
from exports.views.common import can_add, load
from roles.access import EnvironmentRequest, administrators, requires
from roles.htmx import render
from roles.permissions import Permission


@requires(Permission.VIEW)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """Data > Exports."""
    listing = list_exports(request.access, request.GET)
    usable = can_add(request)
    context = {
        "listing": listing,
        "page": listing.page,
        "rows": rows_of(list(listing.page), request.access, can_duplicate=usable),
        "can_add": usable,
        "may_add": request.access.has_permission(Permission.ADD_EXPORTS),
        "whom_to_ask": "" if usable else administrators(request.environment),
    }
    return render(request, "exports/list.html", context, partial="list", target="list")


@requires(Permission.VIEW)
@require_safe
def row(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """One row of the list, which asks for itself while its run moves."""
    export = load(request, pk)
    response = HttpResponse(rows_of([export], request.access, can_duplicate=can_add(request))[0])
    if export.last_run is None or not export.last_run.is_active:
        response.headers["HX-Trigger"] = "exports:changed"  # the summary and the sort may be others now
    return response
