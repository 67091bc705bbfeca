"""Progress details, and canceling a job."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from exports import actions
from exports.models import Export
from exports.progress import progress_of
from exports.views.common import load
from roles.access import EnvironmentRequest, requires
from roles.htmx import render_panel
from roles.permissions import Permission


@requires(Permission.VIEW)
@require_safe
def progress(request: EnvironmentRequest, pk: int) -> TemplateResponse:
    """Progress details of the export's last run."""
    return show_progress(request, load(request, pk))


@requires(Permission.EDIT_EXPORTS)
@require_POST
def cancel(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Cancel the export's run."""
    export = load(request, pk, to_edit=True)
    is_canceled = export.last_run is not None and actions.cancel(export.last_run, by=request.user)
    if request.htmx:
        return show_progress(request, load(request, pk))
    messages.info(request, _("Canceling the job.") if is_canceled else _("The job had ended already."))
    return redirect("exports:progress", environment=request.environment.slug, pk=pk)


def show_progress(request: EnvironmentRequest, export: Export) -> TemplateResponse:
    at = {"environment": request.environment.slug, "pk": export.pk}
    context = {
        "export": export,
        "progress": progress_of(export, request.access),
        "progress_url": reverse("exports:progress", kwargs=at),
        "cancel_url": reverse("exports:cancel", kwargs=at),
    }
    return render_panel(request, "exports/progress.html", context)
