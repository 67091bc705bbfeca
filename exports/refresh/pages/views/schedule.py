"""Settings > System > Schedule: when the system refresh runs by itself, and the environment's zone."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from exports.models import RefreshSchedule
from exports.refresh.pages.schedule_form import RefreshScheduleForm, ZoneForm, initial_values
from exports.refresh.pages.views.pausing import PauseForm
from exports.refresh.pages.views.status import url_of
from exports.refresh.scheduling import save_schedule, save_zone, touched_by
from exports.schedules import recurrence
from exports.schedules.next_runs import NextRuns, next_of
from exports.schedules.recurrence import Recurrence
from roles import language, reader, zones
from roles.access.policy import EnvironmentRequest, requires
from roles.permissions import Permission
from roles.ui.htmx import render_panel


@requires(Permission.MANAGE_SYSTEM)
@require_http_methods(["GET", "HEAD", "POST"])
def schedule(request: EnvironmentRequest) -> HttpResponse:
    """Show and set when the system refresh runs."""
    kept = RefreshSchedule.objects.filter(environment=request.environment).first()
    if request.method != "POST":
        form = RefreshScheduleForm(initial=initial_values(kept, request.environment.time_zone))
        rule = recurrence.of(kept) if kept and kept.is_on else None
        return _page(request, form, _zone_form(request), kept, rule)
    form = RefreshScheduleForm(request.POST)
    if not form.is_valid():
        return _page(request, form, _zone_form(request), kept, None)
    save_schedule(request.environment, form.rule, by=request.user)
    messages.success(request, _("The schedule of the system refresh is saved."))
    return HttpResponseRedirect(url_of(request, "schedule"))


@requires(Permission.MANAGE_SYSTEM)
@require_POST
def zone(request: EnvironmentRequest) -> HttpResponse:
    """Set the zone of the environment, and its language where there is a choice."""
    form = ZoneForm(request.POST)
    if not form.is_valid():
        kept = RefreshSchedule.objects.filter(environment=request.environment).first()
        opened = RefreshScheduleForm(initial=initial_values(kept, request.environment.time_zone))
        rule = recurrence.of(kept) if kept and kept.is_on else None
        return _page(request, opened, form, kept, rule)
    save_zone(request.environment, form.cleaned_data["time_zone"], by=request.user)
    request.environment.time_zone = form.cleaned_data["time_zone"]
    if "language" in form.cleaned_data:
        language.set_environment_language(request.environment, form.cleaned_data["language"], by=request.user)
        messages.success(request, _("Time zone and language of the environment are saved."))
    else:
        messages.success(request, _("The time zone of the environment is saved."))
    reader.activate_for(request)
    return HttpResponseRedirect(url_of(request, "schedule"))


@requires(Permission.MANAGE_SYSTEM)
@require_safe
def next_refreshes(request: EnvironmentRequest) -> TemplateResponse:
    """Show the next refreshes of what is typed, and which other schedules they touch; nothing is kept."""
    form = RefreshScheduleForm(request.GET)
    return TemplateResponse(request, "system/schedule.html#outlook", _outlook(request, form, form.is_valid()))


@requires(Permission.MANAGE_SYSTEM)
@require_safe
def ask_pause(request: EnvironmentRequest) -> TemplateResponse:
    """Ask for a note before the environment is paused."""
    return render_panel(request, "system/pause.html", {"form": PauseForm()})


def _zone_form(request: EnvironmentRequest) -> ZoneForm:
    mine = request.environment
    return ZoneForm(initial={"time_zone": mine.time_zone, "language": mine.language})


def _page(
    request: EnvironmentRequest,
    form: RefreshScheduleForm,
    zone_form: ZoneForm,
    kept: RefreshSchedule | None,
    rule: Recurrence | None,
) -> TemplateResponse:
    is_wrong = form.is_bound or zone_form.is_bound
    context = {"form": form, "zone_form": zone_form, "kept": kept, "zones": zones.offered()}
    outlook = _outlook(request, form, is_valid=False) if form.is_bound else _of_rule(request, rule)
    return TemplateResponse(request, "system/schedule.html", context | outlook, status=422 if is_wrong else 200)


def _outlook(request: EnvironmentRequest, form: RefreshScheduleForm, is_valid: bool) -> dict[str, Any]:
    if is_valid:
        return _of_rule(request, form.rule)
    first = next(iter(form.errors.values()), [""])[0]
    return {"next": NextRuns(text=str(first)), "touched": None}


def _of_rule(request: EnvironmentRequest, rule: Recurrence | None) -> dict[str, Any]:
    if rule is None:
        text = _("System refresh won't run automatically. Choose Refresh all to start it.")
        return {"next": NextRuns(text=text), "touched": None}
    return {"next": next_of(rule), "touched": touched_by(request.environment, rule)}
