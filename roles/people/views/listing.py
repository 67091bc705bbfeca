"""The list of people, and what each role may do."""

from typing import Any

from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from roles.access.policy import EnvironmentRequest, requires
from roles.people.listing import list_people
from roles.people.matrix import matrix
from roles.people.views.common import tabs
from roles.permissions import Permission
from roles.ui.htmx import render


@requires(Permission.MANAGE_PEOPLE)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """Settings > Permissions."""
    context = {"listing": list_people(request.access, request.GET)} | tabs(request)
    return render(request, "people/list.html", context, partial="list", target="list")


@requires(Permission.VIEW)
@require_safe
def roles_page(request: EnvironmentRequest) -> TemplateResponse:
    """What each role may do."""
    context: dict[str, Any] = {"matrix": matrix()}
    if request.access.has_permission(Permission.MANAGE_PEOPLE):
        context |= {"can_manage_people": True} | tabs(request)
    return render(request, "people/roles.html", context)
