"""Schedule export: when the chosen exports run by themselves."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_POST, require_safe

from exports import actions
from exports.models import Export, ScheduleMode
from exports.schedules import planning
from exports.schedules.form import KEEP, OFF, ON, BulkScheduleForm, ScheduleForm, initial_values, typed_values
from exports.schedules.next_runs import NextRuns, next_runs
from exports.schedules.words import words_and_stored_rule
from exports.web.common import Words, chosen_exports, each, report, select_first
from roles import zones
from roles.access.policy import EnvironmentRequest, requires
from roles.permissions import Permission
from roles.ui.htmx import render_panel


@requires(Permission.EDIT_EXPORTS)
@require_POST
def schedule(request: EnvironmentRequest) -> HttpResponse:
    """Ask for the schedule of the chosen exports, then set it."""
    if "id" not in request.POST:
        return select_first(request)
    chosen, left_out = chosen_exports(request)
    form_class = _form_class(chosen)
    if "confirmed" not in request.POST:
        return _pane(request, chosen, left_out, form_class(initial=_opening(chosen, request)))
    if "show" in request.POST:
        return _pane(request, chosen, left_out, form_class(initial=typed_values(BulkScheduleForm, request.POST)))
    form = form_class(request.POST)
    if not form.is_valid():
        return _pane(request, chosen, left_out, form)
    done_to, refused = each(chosen, lambda export: _set(export, form, request))
    words = Words(
        _("The schedule of “%(name)s” is saved."),
        ngettext_lazy("The schedule of %d export is saved.", "The schedules of %d exports are saved."),
    )
    return report(request, words.of(done_to), left_out + refused)


def _set(export: Export, form: ScheduleForm, request: EnvironmentRequest) -> None:
    mode = form.mode
    rule = form.rule
    if form.cleaned_data.get("scope") == KEEP and mode != OFF and (kept := planning.mode_when_on(export)):
        mode, rule = kept, None
    actions.set_schedule(export, mode, rule, by=request.user)


def _form_class(chosen: list[Export]) -> Callable[..., ScheduleForm]:
    if len(chosen) == 1:
        return ScheduleForm
    return partial(BulkScheduleForm, unscheduled=[one.name for one in chosen if not planning.mode_when_on(one)])


def _opening(chosen: list[Export], request: EnvironmentRequest) -> dict[str, Any]:
    """What the pane opens with: how it is; of several exports they keep it, and where they differ nothing is chosen."""
    opening = initial_values(chosen[0], request.environment.time_zone)
    switches = {OFF if export.schedule_mode == ScheduleMode.OFF else ON for export in chosen}
    if len(switches) > 1:
        opening["schedule_mode"] = ""
    if len(chosen) > 1 and not all(map(planning.mode_when_on, chosen)):
        opening["repeat"] = ""
    return opening | {"scope": KEEP}


def _pane(
    request: EnvironmentRequest, chosen: list[Export], left_out: list[str], form: ScheduleForm
) -> TemplateResponse:
    context = {
        "exports": chosen,
        "left_out": left_out,
        "schedule": form,
        "described": [(export.name, words_and_stored_rule(export)) for export in chosen],
        **parts(form, request),
    }
    return render_panel(request, "exports/schedule.html", context, status=422 if form.is_bound else 200)


def parts(form: ScheduleForm, request: EnvironmentRequest) -> dict[str, Any]:
    """Return what templates/exports/schedule_fields.html needs beside the form."""
    values = form.data if form.is_bound else form.initial
    return {"next": next_runs(values, request.environment), "zones": zones.offered()}


@requires(Permission.VIEW)
@require_safe
def next_runs_of(request: EnvironmentRequest) -> TemplateResponse:
    """Show the next runs of what is typed; nothing is kept."""
    is_asked = "unscheduled" in request.GET
    is_kept = request.GET.get("scope") == KEEP and not is_asked
    is_open = is_asked and request.GET.get("schedule_mode") == ON and not request.GET.get("repeat")
    found = NextRuns() if is_kept or is_open else next_runs(request.GET, request.environment)
    return TemplateResponse(request, "exports/schedule_next.html", {"next": found})
