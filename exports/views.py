"""The Exports page and its panels. Who may what: product.md section 2."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from connections.models import Connection
from exports import actions
from exports.actions import CannotRunError
from exports.bulk import plan_run_all
from exports.forms import Setup, copy_of, typed_id
from exports.listing import list_exports
from exports.models import Export, Trigger
from exports.preview import preview
from exports.progress import progress_of
from exports.rows import rows_of
from roles.access import EnvironmentRequest, administrators, requires
from roles.htmx import done, notice, render, render_panel
from roles.permissions import Permission

MOST_AT_ONCE = 500


def _list_url(request: EnvironmentRequest) -> str:
    return reverse("exports:list", kwargs={"environment": request.environment.slug})


def _load(request: EnvironmentRequest, pk: int, *, to_edit: bool = False) -> Export:
    """Return an export of the open environment (404 otherwise), for editing only to those who may (403)."""
    exports = Export.objects.select_related("environment", "connection", "last_run", "updated_by")
    export = get_object_or_404(exports, pk=pk, environment=request.environment)
    if to_edit and not export.is_editable_by(request.access):
        raise PermissionDenied
    return export


def _can_add(request: EnvironmentRequest) -> bool:
    """Tell whether there is a connection that the user may build an export on."""
    return Connection.objects.usable_by(request.access).exists()


@requires(Permission.VIEW)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """Data > Exports."""
    listing = list_exports(request.access, request.GET)
    usable = _can_add(request)
    context = {
        "listing": listing,
        "page": listing.page,
        "rows": rows_of(list(listing.page), request.access, can_duplicate=usable),
        "can_add": usable,
        "may_add": request.access.has_permission(Permission.ADD_EXPORTS),
        "whom_to_ask": "" if usable else administrators(request.environment),
    }
    return render(request, "exports/list.html", context, partial="list", target="list")


@requires(Permission.VIEW)
@require_safe
def row(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """One row of the list, which asks for itself while its run moves."""
    export = _load(request, pk)
    response = HttpResponse(rows_of([export], request.access, can_duplicate=_can_add(request))[0])
    if export.last_run is None or not export.last_run.is_active:
        response.headers["HX-Trigger"] = "exports:changed"  # the summary and the sort may be others now
    return response


@requires(Permission.ADD_EXPORTS)
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: EnvironmentRequest) -> HttpResponse:
    """Set up a new export."""
    if not _can_add(request):
        raise PermissionDenied
    return _set_up(request, Export(environment=request.environment))


@requires(Permission.VIEW, post=Permission.EDIT_EXPORTS)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Set up an export anew, or view how it is set up."""
    return _set_up(request, _load(request, pk, to_edit=request.method == "POST"))


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
    return done(request, _list_url(request), text, changed="exports:changed")


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
    source = _load(request, pk)
    if not _can_add(request):
        raise PermissionDenied
    return _set_up(request, copy_of(source, request.access), source=source)


@requires(Permission.EDIT_EXPORTS)
@require_POST
def run(request: EnvironmentRequest) -> HttpResponse:
    """Run the chosen exports; say which were left out and why."""
    if "id" not in request.POST:
        return _select_first(request)
    chosen, left_out = _chosen(request)
    done_to, refused = _each(chosen, lambda export: actions.run_now(export, by=request.user))
    if (
        request.htmx.target == "panel" and len(done_to) == 1 and not left_out + refused
    ):  # from Progress details: watch the new run there
        response = _progress(request, _load(request, chosen[0].pk))
        response.headers["HX-Trigger"] = "exports:changed"
        return response
    many = ngettext("%d export is queued.", "%d exports are queued.", len(done_to))
    return _report(request, _counted(done_to, _("“%(name)s” is queued."), many), left_out + refused)


@requires(Permission.EDIT_EXPORTS)
@require_http_methods(["GET", "HEAD", "POST"])
def run_all(request: EnvironmentRequest) -> HttpResponse:
    """Run every export with an active schedule that the user may edit; say first which, and which not and why."""
    plan = plan_run_all(request.access)
    if request.method != "POST":
        return render_panel(request, "exports/run_all.html", {"plan": plan})
    done_to, refused = _each(plan.to_run, lambda export: actions.run_now(export, by=request.user))
    many = ngettext("%d export is queued.", "%d exports are queued.", len(done_to))
    return _report(request, _counted(done_to, _("“%(name)s” is queued."), many), refused)


@requires(Permission.EDIT_EXPORTS)
@require_POST
def detach(request: EnvironmentRequest) -> HttpResponse:
    """Detach the connection of the chosen exports, after a confirmation that names them."""
    if "id" not in request.POST:
        return _select_first(request)
    chosen, left_out = _chosen(request)
    if "confirmed" not in request.POST:
        return render_panel(request, "exports/detach.html", {"exports": chosen, "left_out": left_out})
    done_to, refused = _each(chosen, lambda export: actions.detach(export, by=request.user))
    many = ngettext("%d export is detached.", "%d exports are detached.", len(done_to))
    return _report(request, _counted(done_to, _("“%(name)s” is detached."), many), left_out + refused)


@requires(Permission.EDIT_EXPORTS)
@require_POST
def remove(request: EnvironmentRequest) -> HttpResponse:
    """Remove the chosen exports, after a confirmation that names them."""
    if "id" not in request.POST:
        return _select_first(request)
    chosen, left_out = _chosen(request)
    if "confirmed" not in request.POST:
        return render_panel(request, "exports/remove.html", {"exports": chosen, "left_out": left_out})
    done_to, refused = _each(chosen, lambda export: actions.remove(export, by=request.user))
    many = ngettext("%d export is removed.", "%d exports are removed.", len(done_to))
    return _report(request, _counted(done_to, _("“%(name)s” is removed."), many), left_out + refused)


def _select_first(request: EnvironmentRequest) -> HttpResponse:
    """Answer a command that was pressed with nothing selected, as only browsers without scripts can."""
    messages.info(request, _("Select at least one export first."))
    return HttpResponseRedirect(_list_url(request))


def _each(exports: list[Export], act: Callable[[Export], Any]) -> tuple[list[str], list[str]]:
    """Do `act` to each export; return the names of those it was done to and why it was refused to the others."""
    done_to, refused = [], []
    for export in exports:
        try:
            act(export)
            done_to.append(export.name)
        except actions.RefusedError as error:
            refused.append(str(error))
    return done_to, refused


def _chosen(request: EnvironmentRequest) -> tuple[list[Export], list[str]]:
    """The exports that a request names and the user may edit, and why the others are left out.

    Unknown ids answer 404; 403 when none of the exports may be edited.
    """
    typed = set(request.POST.getlist("id"))
    ids = {number for number in map(typed_id, typed) if number}
    if not ids or len(ids) > MOST_AT_ONCE or len(ids) != len(typed):
        raise Http404
    mine = Export.objects.filter(environment=request.environment, pk__in=ids)
    exports = list(mine.select_related("environment", "connection").order_by("name"))
    if len(exports) != len(ids):
        raise Http404
    editable = [export for export in exports if export.is_editable_by(request.access)]
    if not editable:
        raise PermissionDenied
    view_only = [export for export in exports if export not in editable]
    return editable, [_("“%(name)s” was left out: you can only view it.") % {"name": one.name} for one in view_only]


def _counted(names: list[str], one: str, many: str) -> str:
    if not names:
        return ""
    return one % {"name": names[0]} if len(names) == 1 else many % len(names)


def _report(request: EnvironmentRequest, text: str, left_out: list[str]) -> HttpResponse:
    """Say what was done and what was left out; the list loads again."""
    if not left_out:
        return done(request, _list_url(request), text, changed="exports:changed")
    whole = " ".join([text, *left_out]).strip()
    if request.htmx:
        return notice(whole, tone="warning", changed="exports:changed")
    messages.warning(request, whole)
    return HttpResponseRedirect(_list_url(request))


@requires(Permission.VIEW)
@require_safe
def progress(request: EnvironmentRequest, pk: int) -> TemplateResponse:
    """Progress details of the export's last run."""
    return _progress(request, _load(request, pk))


@requires(Permission.EDIT_EXPORTS)
@require_POST
def cancel(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Cancel the export's run."""
    export = _load(request, pk, to_edit=True)
    is_canceled = export.last_run is not None and actions.cancel(export.last_run, by=request.user)
    if request.htmx:
        return _progress(request, _load(request, pk))
    messages.info(request, _("Canceling the job.") if is_canceled else _("The job had ended already."))
    return redirect("exports:progress", environment=request.environment.slug, pk=pk)


def _progress(request: EnvironmentRequest, export: Export) -> TemplateResponse:
    at = {"environment": request.environment.slug, "pk": export.pk}
    context = {
        "export": export,
        "progress": progress_of(export, request.access),
        "progress_url": reverse("exports:progress", kwargs=at),
        "cancel_url": reverse("exports:cancel", kwargs=at),
    }
    return render_panel(request, "exports/progress.html", context)
