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
from roles.edits.edit import About, Edit, again_if_moved
from roles.models import Environment
from roles.permissions import Permission
from roles.ui.htmx import render_panel
from roles.ui.panels import panel


@requires(Permission.MANAGE_SYSTEM)
@require_http_methods(["GET", "HEAD", "POST"])
@again_if_moved
def schedule(request: EnvironmentRequest) -> HttpResponse:
    """Show and set when the system refresh runs."""
    edit = _compared(request)
    if request.method != "POST":
        return _page(request, _opened(request.environment.pk), edit, _zone_form(request), _compared_zone(request))
    form = RefreshScheduleForm(edit.data)
    if not form.is_valid() or not edit.is_settled:
        return _page(request, form, edit, _zone_form(request), _compared_zone(request, is_sent=False))
    with edit.held(lambda: _opened(_locked(request).pk).parts()):
        save_schedule(request.environment, form.rule, by=request.user)
    messages.success(request, _("Schedule of the system refresh saved."))
    return HttpResponseRedirect(url_of(request, "schedule"))


@requires(Permission.MANAGE_SYSTEM)
@require_POST
@again_if_moved
def zone(request: EnvironmentRequest) -> HttpResponse:
    """Set the zone of the environment, and its language where there is a choice."""
    edit = _compared_zone(request)
    form = ZoneForm(edit.data)
    if not form.is_valid() or not edit.is_settled:
        return _page(request, _opened(request.environment.pk), _compared(request, is_sent=False), form, edit)
    with edit.held(lambda: _zone_form(request, _locked(request)).parts()):
        save_zone(request.environment, form.cleaned_data["time_zone"], by=request.user)
        if "language" in form.cleaned_data:
            language.set_environment_language(request.environment, form.cleaned_data["language"], by=request.user)
    request.environment.time_zone = form.cleaned_data["time_zone"]
    if "language" in form.cleaned_data:
        messages.success(request, _("Time zone and language of the environment saved."))
    else:
        messages.success(request, _("Time zone of the environment saved."))
    reader.activate_for(request)
    return HttpResponseRedirect(url_of(request, "schedule"))


@requires(Permission.MANAGE_SYSTEM)
@require_safe
def next_refreshes(request: EnvironmentRequest) -> TemplateResponse:
    """Show the next refreshes of what is typed, and which other schedules they touch; nothing is kept."""
    form = RefreshScheduleForm(request.GET)
    return TemplateResponse(request, "system/schedule.html#outlook", _outlook(request, form, form.is_valid()))


@requires(Permission.MANAGE_SYSTEM)
@panel
@require_safe
def ask_pause(request: EnvironmentRequest) -> TemplateResponse:
    """Ask for a note before the environment is paused."""
    return render_panel(request, "system/pause.html", {"form": PauseForm()})


def _zone_form(request: EnvironmentRequest, stored: Environment | None = None) -> ZoneForm:
    mine = stored or Environment.objects.get(pk=request.environment.pk)
    return ZoneForm(initial={"time_zone": mine.time_zone, "language": mine.language})


def _opened(environment_id: int) -> RefreshScheduleForm:
    mine = Environment.objects.get(pk=environment_id)
    kept = RefreshSchedule.objects.filter(environment=mine).first()
    return RefreshScheduleForm(initial=initial_values(kept, mine.time_zone))


def _locked(request: EnvironmentRequest) -> Environment:
    return Environment.objects.select_for_update(no_key=True).get(pk=request.environment.pk)


def _compared(request: EnvironmentRequest, *, is_sent: bool = True) -> Edit:
    form, post = _opened(request.environment.pk), request.POST if is_sent and request.method == "POST" else None
    about = About("system refresh schedule", request.environment, request.environment)
    return Edit(about, form.parts(), post, form.parts(post) if post is not None else {})


def _compared_zone(request: EnvironmentRequest, *, is_sent: bool = True) -> Edit:
    form, post = _zone_form(request), request.POST if is_sent and request.method == "POST" else None
    about = About("environment", request.environment, request.environment)
    return Edit(about, form.parts(), post, form.parts(post) if post is not None else {})


def _page(
    request: EnvironmentRequest, form: RefreshScheduleForm, edit: Edit, zone_form: ZoneForm, zone_edit: Edit
) -> TemplateResponse:
    kept = RefreshSchedule.objects.filter(environment=request.environment).first()
    rule = recurrence.of(kept) if kept and kept.is_on else None
    is_wrong = form.is_bound or zone_form.is_bound
    context: dict[str, Any] = {"form": form, "zone_form": zone_form, "kept": kept, "zones": zones.offered()}
    context |= {"edit": edit, "zone_edit": zone_edit}
    outlook = _outlook(request, form, form.is_valid()) if form.is_bound else _of_rule(request, rule)
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
