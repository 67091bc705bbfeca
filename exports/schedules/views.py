"""Schedule export: when the chosen exports run by themselves."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from exports import actions
from exports.models import Export, ScheduleMode
from exports.schedules import planning, sentences
from exports.schedules.form import KEEP, OFF, ON, BulkScheduleForm, ScheduleForm, initial_values, typed_values
from exports.schedules.next_runs import NextRuns, next_runs
from exports.schedules.recurrence import Recurrence
from exports.schedules.words import words_and_stored_rule
from exports.web.common import Words, chosen_exports, each, report, select_first
from roles import zones
from roles.access.policy import EnvironmentRequest, requires
from roles.edits.edit import MADE_FROM, About, Carried, Edit, MovedMeanwhileError, again_if_moved
from roles.edits.parts import Part
from roles.permissions import Permission
from roles.ui.htmx import render_panel
from roles.ui.panels import panel


@requires(Permission.EDIT_EXPORTS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@again_if_moved
def schedule(request: EnvironmentRequest) -> HttpResponse:
    """Ask for the schedule of the chosen exports, then set it."""
    if request.method == "POST" and "id" not in request.POST:
        return select_first(request)
    chosen, left_out = chosen_exports(request)
    form_class = _form_class(chosen)
    if "confirmed" not in request.POST:
        return _pane(request, chosen, left_out, form_class(initial=_opening(chosen, request)))
    if "show" in request.POST:
        return _pane(request, chosen, left_out, form_class(initial=typed_values(BulkScheduleForm, request.POST)))
    form = form_class(request.POST)
    edit = _compared(chosen, request.POST, form if form.is_valid() else None)
    if not form.is_valid() or not edit.is_settled:
        return _pane(request, chosen, left_out, form, edit)
    changed = [export for export in chosen if _name(export) not in edit.stands]
    done_to, refused = each(changed, lambda export: _set(export, form, request, edit))
    words = Words(
        _("The schedule of “%(name)s” is saved."),
        ngettext_lazy("The schedule of %d export is saved.", "The schedules of %d exports are saved."),
    )
    return report(request, words.of(done_to), left_out + refused)


def _set(export: Export, form: ScheduleForm, request: EnvironmentRequest, edit: Edit) -> None:
    with transaction.atomic():
        found = actions.lock(export)
        if found is None or _part(found).digest != edit.now[_name(export)].digest:
            raise MovedMeanwhileError
        actions.set_schedule(found, *_outcome(found, form), by=request.user)


def _outcome(export: Export, form: ScheduleForm) -> tuple[str, Recurrence | None]:
    """Return what the valid form gives to `export`: a mode, and a rule unless it keeps its own."""
    if form.cleaned_data.get("scope") == KEEP and form.mode != OFF and (kept := planning.mode_when_on(export)):
        return kept, None
    return form.mode, form.rule


def _compared(chosen: list[Export], post: QueryDict | None = None, form: ScheduleForm | None = None) -> Edit:
    """Compare the schedules as they are with what the valid `form` gives to each export."""
    ids = " ".join(str(export.pk) for export in sorted(chosen, key=lambda one: one.pk))
    mine = {_name(export): _part(export, _outcome(export, form)) for export in chosen} if form else {}
    about = About(f"schedules {ids}", chosen[0], chosen[0].environment, tuple(export.pk for export in chosen))
    return Edit(about, {_name(export): _part(export) for export in chosen}, post, mine)


def _name(export: Export) -> str:
    return f"schedule.{export.pk}"


def _part(export: Export, outcome: tuple[str, Recurrence | None] | None = None) -> Part:
    """The schedule of `export`, as it is or as it would be."""
    mode, rule = outcome or (export.schedule_mode, None)
    rule = (rule or planning.stored_rule(export)) if mode == ScheduleMode.OWN else None
    said = str(sentences.words(rule)) if rule else str(ScheduleMode(mode).label)
    return Part(export.name, [mode, asdict(rule) if rule else None], {}, [said], ("schedule",))


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
    request: EnvironmentRequest, chosen: list[Export], left_out: list[str], form: ScheduleForm, edit: Edit | None = None
) -> TemplateResponse:
    carried = Carried(request.POST.get(MADE_FROM, "")) if "show" in request.POST else None
    context = {
        "edit": edit or carried or _compared(chosen),
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
