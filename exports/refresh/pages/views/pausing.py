"""Settings > System: pause the environment for maintenance, and let it go on."""

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from exports.runs import pausing
from roles.access.policy import EnvironmentRequest, requires
from roles.fields import LineField
from roles.permissions import Permission
from roles.typed import typed_path
from roles.ui.htmx import done, render_panel


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
    """Let nothing start any more; the person stays where they are."""
    form = PauseForm(request.POST)
    if not form.is_valid():
        return render_panel(request, "system/pause.html", {"form": form}, status=422)
    if pausing.pause(request.environment, note=form.cleaned_data["note"], by=request.user):
        return _done(request, _("Environment paused."))
    return _done(request, _("The environment is already paused."))


@requires(Permission.MANAGE_SYSTEM)
@require_POST
def resume(request: EnvironmentRequest) -> HttpResponse:
    """Let what waits start again; the person stays where they are."""
    if pausing.resume(request.environment, by=request.user):
        return _done(request, _("Environment resumed. Queued runs are starting."))
    return _done(request, _("The environment is not paused."))


def _done(request: EnvironmentRequest, text: str) -> HttpResponse:
    """Say what was done where the person is: lists that say whether the environment is paused load again."""
    here = typed_path(request.POST.get("next", ""), request.get_host())
    system = reverse("system:list", kwargs={"environment": request.environment.slug})
    return done(request, here or system, text, changed="exports:changed")
