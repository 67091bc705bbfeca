"""The help page of an environment: what goes where, and the keys."""

from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from roles.access.policy import EnvironmentRequest, administrators, requires
from roles.permissions import Permission


@requires(Permission.VIEW)
@require_safe
def help_page(request: EnvironmentRequest) -> TemplateResponse:
    """Say in short how Waybill is used, and whom to ask."""
    return TemplateResponse(request, "help.html", {"whom_to_ask": administrators(request.environment)})
