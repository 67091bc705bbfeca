"""Actions of support that belong to no model. `SupportSite.admin_view` calls each: staff only."""

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from roles.access import seeing
from roles.audit import audit
from roles.desk.bundle import bundle_of_all
from roles.frame import navigation
from roles.models import Environment
from roles.roles import Role


@require_POST
def see_as(request: Any, pk: int) -> HttpResponse:
    """See an environment as the chosen role, read-only."""
    environment, role = get_object_or_404(Environment, pk=pk), request.POST.get("role", "")
    if role not in Role.values:
        raise Http404
    seeing.start(request.session, environment, Role(role), by=request.user)
    return redirect(navigation.home(), environment=environment.slug)


@require_POST
def stop_seeing(request: Any) -> HttpResponse:
    """Go back to the support desk."""
    environment = seeing.stop(request.session, by=request.user)
    if environment is None:
        return HttpResponseRedirect(reverse("admin:index"))
    messages.info(request, _("You no longer view %(environment)s.") % {"environment": environment})
    return redirect("admin:roles_environment_change", environment.pk)


@require_POST
def bundle(request: Any) -> HttpResponse:
    """Download what helps to find a fault: no names, no secrets, no data."""
    text = json.dumps(bundle_of_all(), indent=2, default=str)
    audit.record(None, "support bundle", request.user, by=request.user)
    name = f"waybill-support-{timezone.now():%Y%m%d-%H%M}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="application/json", headers=headers)
