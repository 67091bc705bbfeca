"""The Set up export pane: add, edit, duplicate, view."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from exports import actions
from exports.actions import CannotRunError
from exports.models import Export, Trigger
from exports.preview import preview
from exports.set_up.copying import copy_of
from exports.set_up.setup import Setup
from exports.views.common import can_add, list_url, load
from roles.access import EnvironmentRequest, requires
from roles.htmx import done, render_panel
from roles.permissions import Permission


@requires(Permission.ADD_EXPORTS)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: EnvironmentRequest) -> HttpResponse:
    """Set up a new export."""
    if not can_add(request):
        raise PermissionDenied
    return _set_up(request, Export(environment=request.environment))


@requires(Permission.VIEW, post=Permission.EDIT_EXPORTS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Set up an export anew, or view how it is set up."""
    return _set_up(request, load(request, pk, to_edit=request.method == "POST"))


def _set_up(request: EnvironmentRequest, export: Export, source: Export | None = None) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    move = request.POST.get("move", "")
    setup = Setup(export, request.access, data, is_draft=bool(move or "draft" in request.POST), source=source)
    if data is None or setup.is_draft:
        setup.move_field(move)
        return _pane(request, setup)
    if not setup.is_valid():
        return _pane(request, setup, status=422)
    is_new = export.pk is None
    saved = setup.filled_export()
    actions.save_export(saved, setup.chosen, by=request.user)
    text = (_("“%(name)s” is added.") if is_new else _("“%(name)s” is saved.")) % {"name": saved.name}
    if request.POST.get("then") == "run":
        text = _run_saved(request, saved, text)
    return done(request, list_url(request), text, changed="exports:changed")


def _run_saved(request: EnvironmentRequest, export: Export, text: str) -> str:
    try:
        actions.run_now(export, by=request.user, trigger=Trigger.SAVED)
    except CannotRunError as error:
        return f"{text} {error}"
    return f"{text} " + _("Its run is queued.")


def _pane(request: EnvironmentRequest, setup: Setup, status: int = 200) -> TemplateResponse:
    context = {
        "setup": setup,
        "export": setup.export,
        "can_edit": setup.can_edit,
        "view_only": not setup.can_edit,
        "preview": preview(setup),
        "segment_items": _segment_items(setup),
    }
    return render_panel(request, "exports/form.html", context, status=status)


def _segment_items(setup: Setup) -> list[dict[str, Any]]:
    """The segments to choose from: counts, and why one cannot be chosen."""
    items = []
    for segment in setup.segments:
        reason = setup.why_not(segment)
        items.append(
            {
                "value": segment.pk,
                "label": segment.name,
                "count": segment.member_count,
                "checked": segment in setup.chosen,
                "disabled": bool(reason) and segment not in setup.chosen,
                "reason": reason or ("" if segment.refreshed_at else _("Not refreshed yet; the run does it.")),
                "warning": segment.error,
            }
        )
    return items


@requires(Permission.ADD_EXPORTS)
@require_http_methods(["GET", "HEAD", "POST"])
def duplicate(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Set up a new export, filled in like an existing one; nothing exists until it is saved."""
    source = load(request, pk)
    if not can_add(request):
        raise PermissionDenied
    return _set_up(request, copy_of(source, request.access), source=source)
