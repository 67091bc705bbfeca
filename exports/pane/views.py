"""The Set up export pane: add, edit, duplicate, view."""

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from exports import actions
from exports.actions import CannotRunError
from exports.models import Export, Run, Trigger
from exports.models.states import State
from exports.pane import drafts
from exports.pane.checklists import check_lists
from exports.pane.duplicate import copy_of
from exports.pane.parts import parts_of_pane
from exports.pane.preview import preview_records
from exports.pane.setup import Setup
from exports.progress.views.details import show_progress
from exports.schedules.views import parts as schedule_parts
from exports.shown.status import Status, status_of
from exports.spec import consequences
from exports.spec.catalogue import Catalogue
from exports.spec.check import check
from exports.spec.replacing import replaced
from exports.spec.spec import ExportSpec
from exports.web.common import can_add, list_url, load
from roles.access.policy import EnvironmentRequest, requires
from roles.edits.edit import MADE_FROM, About, Carried, Edit, again_if_moved
from roles.edits.parts import Part
from roles.permissions import Permission
from roles.templatetags.pieces import icon
from roles.typed import typed_id
from roles.ui.consequences import are_accepted, context_of
from roles.ui.htmx import done, render_panel
from roles.ui.panels import panel
from segments.models import Segment

CHANGED = "exports:changed"
PREVIEW = "export-preview"  # an element of the pane
WITHOUT_LISTS = {"export-fields", PREVIEW}  # those that are drawn again without the check lists, which can be long
DRAWS = ("draft", "move", "fields_of")  # what asks for the pane again, with what is typed
IN_TROUBLE = {State.FAILED, State.RETRYING, State.HELD, State.SKIPPED}  # states of a last run to look at first


@requires(Permission.ADD_EXPORTS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: EnvironmentRequest) -> HttpResponse:
    """Set up a new export."""
    _refuse_without_connection(request)
    return _set_up(request, Export(environment=request.environment))


@requires(Permission.VIEW, post=Permission.EDIT_EXPORTS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@again_if_moved
def edit(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Change the settings of an export, or view them."""
    export = load(request, pk, to_edit=request.method == "POST")
    return _use_segment(request, export) if "use" in request.POST else _set_up(request, export)


@requires(Permission.ADD_EXPORTS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def duplicate(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Set up a new export, filled in like an existing one; nothing exists until it is saved."""
    source = load(request, pk)
    _refuse_without_connection(request)
    return _set_up(request, Export(environment=request.environment), copy_of(source, request.access))


def _use_segment(request: EnvironmentRequest, export: Export) -> HttpResponse:
    """Put segment `use` into an export in the place of `instead`, which it cannot send, and show the export."""
    segments = Segment.objects.filter(environment=request.environment).select_related("table")
    taken = get_object_or_404(segments, pk=typed_id(request.POST.get("instead")), exports=export)
    given = get_object_or_404(segments, pk=typed_id(request.POST.get("use")))
    catalogue = Catalogue(request.environment, request.access)
    checked = check(replaced(export, taken, given, catalogue), catalogue, export)
    if checked.errors:
        text = _("Not saved: %(problem)s") % {"problem": checked.errors[0].message}
        return _pane(request, Setup(export, request.access), status=422, notice=text)
    stored = Edit(_about(export), parts_of_pane(Setup(export, request.access)))
    with stored.held(lambda: _locked(request, export)):
        saved = actions.save(export, checked.spec, by=request.user)
    words = {"new": given.name, "old": taken.name, "export": saved.name}
    text = _("“%(export)s” sends “%(new)s” instead of “%(old)s” now.") % words
    if not request.htmx:
        messages.success(request, text)
        at = {"environment": request.environment.slug, "pk": saved.pk}
        return HttpResponseRedirect(reverse("exports:edit", kwargs=at))
    response = _pane(request, Setup(load(request, saved.pk), request.access), done=text)
    response.headers["HX-Trigger"] = json.dumps({CHANGED: True, "announce": text})
    response.headers["HX-Trigger-After-Swap"] = "panel:saved"
    return response


def _refuse_without_connection(request: EnvironmentRequest) -> None:
    """Refuse users who may neither use a connection nor add one."""
    if not _can_add_connection(request) and not can_add(request):
        raise PermissionDenied


def _can_add_connection(request: EnvironmentRequest) -> bool:
    return request.access.has_permission(Permission.MANAGE_CONNECTIONS)


def _set_up(request: EnvironmentRequest, export: Export, filled: ExportSpec | None = None) -> HttpResponse:
    if request.method != "POST":
        return _opened(request, export, filled)
    if "add_connection" in request.POST:
        return _leave_for_connection(request, export, filled)
    is_draft = any(request.POST.get(name) for name in DRAWS)
    has_lists = not (is_draft and request.htmx.target in WITHOUT_LISTS)
    setup = Setup(export, request.access, request.POST, is_draft=is_draft, filled=filled, has_lists=has_lists)
    if setup.is_draft:
        return _drawn_again(request, setup)
    edit = _compared(request, setup)
    if edit.data != request.POST:
        setup = Setup(export, request.access, edit.data, filled=filled)
    checked = setup.check()
    if checked.errors or not edit.is_settled:
        return _pane(request, setup, status=422, edit=edit)
    found = consequences.of_export(export, checked.spec) if export.pk else []
    if not are_accepted(request.POST, found):
        return _pane(request, setup, status=422, edit=edit, **context_of(found))
    return _saved(request, setup, checked.spec, edit)


def _compared(request: EnvironmentRequest, sent: Setup) -> Edit:
    """Compare what was sent with what is stored."""
    if sent.export.pk is None:
        return Edit(None, post=request.POST)
    now = parts_of_pane(Setup(load(request, sent.export.pk), request.access))
    return Edit(_about(sent.export), now, request.POST, parts_of_pane(sent))


def _about(export: Export) -> About:
    return About("export", export, export.environment)


def _locked(request: EnvironmentRequest, export: Export) -> dict[str, Part] | None:
    if not actions.lock(export):
        return None
    return parts_of_pane(Setup(load(request, export.pk), request.access))


def _drawn_again(request: EnvironmentRequest, setup: Setup) -> TemplateResponse:
    """The pane, or the part of it that is asked for, with what is typed; nothing is saved."""
    setup.move_field(request.POST.get("move", ""))
    is_taken = "fields_of" in request.POST and setup.take_fields()
    if setup.has_lists:
        return _pane(request, setup)
    is_same = not is_taken and request.POST.get("fields_shown") == setup.fields_signature
    if request.htmx.target == PREVIEW or is_same:
        response = TemplateResponse(request, "exports/pane/answer.html", _context(request, setup, draws_fields=False))
        response.headers["HX-Retarget"] = response.headers["HX-Reselect"] = f"#{PREVIEW}"
        return response
    response = TemplateResponse(request, "exports/pane/answer.html", _context(request, setup, draws_fields=True))
    if is_taken and setup.fields_from:
        text = _("The fields of “%(name)s” are chosen.") % {"name": setup.fields_from.name}
        response.headers["HX-Trigger"] = json.dumps({"announce": text})
    return response


def _opened(request: EnvironmentRequest, export: Export, filled: ExportSpec | None) -> HttpResponse:
    """The pane as it opens, or the draft that was left to add a connection."""
    token = request.GET.get("draft", "")
    typed = drafts.load(request.session, token, request.path) if token else None
    if typed is None:
        lost = _("Your input is no longer stored. Fill in the export again.") if token else ""
        wanted = [typed_id(value) for value in request.GET.getlist("segment")]
        return _pane(request, Setup(export, request.access, filled=filled, first_segments=wanted), notice=lost)
    _take_new_connection(request, typed)
    setup = Setup(export, request.access, typed, is_draft=True, filled=filled)
    return _pane(request, setup, edit=Carried(typed.get(MADE_FROM, "")))


def _take_new_connection(request: EnvironmentRequest, typed: QueryDict) -> None:
    added = request.GET.get("connection", "")
    if added.isascii() and added.isdigit():
        typed["connection"] = added  # chosen only if it is among those that the user may use


def _leave_for_connection(request: EnvironmentRequest, export: Export, filled: ExportSpec | None) -> HttpResponse:
    """Store the draft and go to add a connection, which leads back here."""
    if not _can_add_connection(request):
        raise PermissionDenied
    try:
        token = drafts.store(request.session, request.POST, request.path)
        drafts.discard(request.session, request.POST.get("kept", ""))
    except drafts.TooLargeError:
        setup = Setup(export, request.access, request.POST, is_draft=True, filled=filled)
        too_much = _("Your input is too large to keep. Save the export first, then add the connection.")
        return _pane(request, setup, notice=too_much)
    back = f"{request.path}?{urlencode({'draft': token})}"
    url = reverse("connections:add", kwargs={"environment": request.environment.slug})
    return HttpResponseRedirect(f"{url}?{urlencode({'next': back})}")


def _saved(request: EnvironmentRequest, setup: Setup, spec: ExportSpec, edit: Edit) -> HttpResponse:
    """Save the valid spec; run it or send a test if asked to."""
    is_new = setup.export.pk is None
    try:
        with edit.held(lambda: _locked(request, setup.export)):
            saved = actions.save(setup.export, spec, by=request.user)
    except actions.ChangedMeanwhileError as error:
        return _changed_meanwhile(request, setup, str(error), edit)
    drafts.discard(request.session, request.POST.get("kept", ""))
    text = (_("“%(name)s” added.") if is_new else _("“%(name)s” saved.")) % {"name": saved.name}
    then = request.POST.get("then")
    if then == "test":
        queued = _("Test of 10 queued; it goes to the folder “test”.")
        return _started(request, saved, text, lambda: actions.send_test(saved, by=request.user), queued)
    if then == "run":
        return _started(request, saved, text, lambda: _run_saved(request, saved), _("Run queued."))
    return done(request, list_url(request), text, changed=CHANGED)


def _changed_meanwhile(request: EnvironmentRequest, setup: Setup, text: str, edit: Edit) -> TemplateResponse:
    """Show the pane again: what it uses was removed, or its name taken, between the look at it and the save."""
    again = Setup(setup.export, request.access, edit.data, filled=setup.filled)
    again.check()  # says of what is still wrong what to do
    return _pane(request, again, status=422, notice=text, edit=edit)


def _run_saved(request: EnvironmentRequest, export: Export) -> Run:
    return actions.run_now(export, by=request.user, trigger=Trigger.SAVED)[0]


def _started(
    request: EnvironmentRequest, export: Export, text: str, start: Callable[[], Run], queued: str
) -> HttpResponse:
    """Start a run or a test of the export that was just saved, and show its progress."""
    try:
        run = start()
    except CannotRunError as error:
        return done(request, list_url(request), f"{text} {error}", changed=CHANGED)
    text = f"{text} {queued}"
    if not request.htmx:
        messages.success(request, text)
        at = {"environment": request.environment.slug, "pk": export.pk, "uuid": run.uuid}
        return HttpResponseRedirect(reverse("exports:run_progress", kwargs=at))
    response = show_progress(request, load(request, export.pk), run)
    response.headers["HX-Trigger"] = json.dumps({CHANGED: True, "announce": text})
    response.headers["HX-Trigger-After-Swap"] = "panel:saved"
    return response


def _pane(
    request: EnvironmentRequest,
    setup: Setup,
    status: int = 200,
    notice: str = "",
    edit: Edit | Carried | None = None,
    **more: Any,
) -> TemplateResponse:
    if status != 200:
        setup.ask_for_fields()
    context = _context(request, setup, **more) | {
        "edit": edit or _unsent(request, setup),
        "schedule": setup.schedule,
        **schedule_parts(setup.schedule, request),
        "lists": check_lists(setup),
        "subtitle": _subtitle(request, setup),
        "notice_text": notice,
        "kept": request.POST.get("kept", request.GET.get("draft", "")),
        "trouble": _trouble(setup.export),
        "has_connections": len(setup.form.fields["connection"].choices) > 1,  # type: ignore[attr-defined]
        "can_add_connection": _can_add_connection(request),
    }
    if request.htmx and setup.is_draft:  # a part of it is asked for; the frame around is not needed
        return TemplateResponse(request, "exports/form.html#panel", context, status=status)
    return render_panel(request, "exports/form.html", context, status=status)


def _unsent(request: EnvironmentRequest, setup: Setup) -> Edit | Carried | None:
    """What the pane is made from as it opens, and after its other buttons."""
    if setup.data is not None:
        return Carried(request.POST.get(MADE_FROM, ""))
    return Edit(_about(setup.export), parts_of_pane(setup)) if setup.export.pk and setup.can_edit else None


def _context(request: EnvironmentRequest, setup: Setup, **more: Any) -> dict[str, Any]:
    """What the fields and their preview are drawn with."""
    return more | {
        "setup": setup,
        "export": setup.export,
        "can_edit": setup.can_edit,
        "view_only": not setup.can_edit,
        "preview": preview_records(setup),
    }


def _trouble(export: Export) -> Status | None:
    """Return the status of a last run that failed, is held or was skipped; None otherwise."""
    run = export.last_run
    return status_of(run, is_paused=False) if run and run.state in IN_TROUBLE else None


def _subtitle(request: EnvironmentRequest, setup: Setup) -> str:
    """The connection type and a link to its help page, in a new tab so that nothing typed is lost."""
    type_ = setup.destination
    if type_ is None:
        return SafeString('<span id="pane-subtitle"></span>')
    url = reverse("connections:help", kwargs={"environment": request.environment.slug, "type_": type_.slug})
    label = _("Help on %(type)s") % {"type": type_.label}
    return format_html(
        '<span id="pane-subtitle">{} <a class="nowrap" href="{}" target="_blank" rel="noopener">{}{}</a></span>',
        type_.summary,
        url,
        label,
        icon("external", "icon-small", _("opens in a new tab")),
    )
