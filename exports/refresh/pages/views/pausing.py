"""Settings > System: pause the environment for maintenance, and let it go on."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from exports.runs import pausing
from exports.web.common import list_url
from roles.access.policy import EnvironmentRequest, requires
from roles.fields import LineField
from roles.permissions import Permission


class PauseForm(forms.Form):
    """Why the environment is paused, for everybody to read."""

    note = LineField(
        max_length=200,
        required=False,
        error_messages={"max_length": gettext_lazy("The note is longer than 200 characters.")},
    )


@requires(Permission.MANAGE_SYSTEM)
@require_POST
def pause(request: EnvironmentRequest) -> HttpResponse:
    """Let nothing start any more."""
    form = PauseForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("The environment is not paused. %(why)s") % {"why": form.errors["note"][0]})
    elif pausing.pause(request.environment, note=form.cleaned_data["note"], by=request.user):
        messages.success(request, _("Environment paused."))
    else:
        messages.info(request, _("The environment is already paused."))
    return HttpResponseRedirect(_system_url(request))


@requires(Permission.MANAGE_SYSTEM)
@require_POST
def resume(request: EnvironmentRequest) -> HttpResponse:
    """Let what waits start again."""
    if pausing.resume(request.environment, by=request.user):
        messages.success(request, _("Environment resumed. Queued runs are starting."))
    else:
        messages.info(request, _("The environment is not paused."))
    return HttpResponseRedirect(_system_url(request) if request.POST.get("from") == "system" else list_url(request))


def _system_url(request: EnvironmentRequest) -> str:
    return reverse("system:list", kwargs={"environment": request.environment.slug})
