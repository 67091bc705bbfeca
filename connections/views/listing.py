"""The list. Names and types are for everybody, the rest for administrators (product.md section 2)."""

from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from connections.listing import list_connections
from roles.access import EnvironmentRequest, requires
from roles.htmx import render
from roles.permissions import Permission


@requires(Permission.VIEW)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """The list."""
    listing = list_connections(request.access, request.GET)
    return render(request, "connections/list.html", {"listing": listing}, partial="list", target="list")
