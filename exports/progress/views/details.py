"""Progress details of a run, as a panel that keeps itself up to date; canceling a job; sending a test."""

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from exports import actions
from exports.models import Export, Run
from exports.progress import Progress, progress_of
from exports.progress.details import title_of
from exports.progress.files import why_not_for
from exports.progress.seen import seen_of
from exports.runs import lifecycle
from exports.web.common import list_url, load, typed_uuid
from roles.access.policy import EnvironmentRequest, requires
from roles.audit.pages.links import history_of
from roles.permissions import Permission
from roles.ui.htmx import render, render_panel
from roles.ui.panels import at, panel
from roles.ui.polls import answer_poll

# Elements of a panel that is shown already: what asks for them gets the parts alone.
LIVE = {"progress-poll", "progress"}


@requires(Permission.VIEW)
@panel
@require_safe
def progress(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Progress details of the export's last run."""
    export = load(request, pk)
    return show_progress(request, export, export.last_run)


@requires(Permission.VIEW)
@panel
@require_safe
def run_progress(request: EnvironmentRequest, pk: int, uuid: str) -> HttpResponse:
    """Progress details of any run of the export; 204 where they are shown already as they are."""
    return answer_poll(request, lambda: seen_of(request.access, pk, uuid), lambda: _one(request, pk, uuid))


def _one(request: EnvironmentRequest, pk: int, uuid: str) -> HttpResponse:
    export = load(request, pk)
    return show_progress(request, export, _run(export, uuid))


@requires(Permission.EDIT_EXPORTS)
@require_POST
def cancel(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Cancel a run of the export: the one named, or the last one."""
    export = load(request, pk, to_edit=True)
    run = _run(export, typed_uuid(request.POST["run"])) if "run" in request.POST else export.last_run
    is_canceled = run is not None and lifecycle.cancel(run, by=request.user)
    if request.htmx:
        return show_progress(request, load(request, pk), _run(export, run.uuid) if run else None)
    messages.info(request, _("Canceling the job.") if is_canceled else _why_not_canceled(run))
    return _to_run(request, export, run)


def _why_not_canceled(run: Run | None) -> str:
    if run is not None and run.is_active and run.is_publishing:
        return _("The job is delivering files and can't be canceled.")
    return _("The job had already ended.")


@requires(Permission.EDIT_EXPORTS)
@require_POST
def test(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Send a test of 10 and show how it goes."""
    export = load(request, pk, to_edit=True)
    try:
        run = actions.send_test(export, by=request.user)
    except actions.CannotRunError as error:
        return _refused(request, export, str(error))
    if request.htmx:
        return show_progress(request, export, _run(export, run.uuid))
    messages.info(request, _("Test of 10 queued."))
    return _to_run(request, export, run)


def show_progress(request: EnvironmentRequest, export: Export, run: Run | None) -> HttpResponse:
    """Return the panel with the details of `run`; only its parts to a panel that is shown already."""
    shown = progress_of(export, request.access, run)
    parts = _parts(request, export, shown)
    version = hashlib.blake2s("".join(parts.values()).encode(), digest_size=8).hexdigest()
    is_live = request.htmx and request.htmx.target in LIVE
    if is_live and request.GET.get("shown") == version:
        return HttpResponse(status=204)
    query = urlencode({"shown": version} | ({"page": 1} if _is_page(request) else {}))
    context = parts | {
        "progress": shown,
        "title": title_of(shown, export),
        "poll_url": f"{_url(export, 'run_progress', uuid=run.uuid)}?{query}" if run else "",
        "list_url": list_url(request),
    }
    if is_live:
        return render(request, "exports/progress.html#changes", context)
    response = render_panel(request, "exports/progress.html", context)
    return at(response, _url(export, "run_progress", uuid=run.uuid)) if run else response


def _parts(request: EnvironmentRequest, export: Export, shown: Progress) -> dict[str, str]:
    """Return the parts of the panel that change, laid out: nothing in them differs unless something changed."""
    run = shown.run
    context: dict[str, Any] = {
        "p": shown,
        "run": run,
        "export": export,
        "section_tag": "h2" if _is_page(request) else "h3",
        "why_no_download": why_not_for(run, export, request.access) if run else "",
        "list_url": list_url(request),
        "last_url": _url(export, "progress"),
        "cancel_url": _url(export, "cancel"),
        "test_url": _url(export, "test"),
        "history_url": history_of(request.access, export),
        "run_url": reverse("exports:run", kwargs={"environment": request.environment.slug}),
    }
    return {part: render_to_string(f"exports/run.html#{part}", context) for part in ("details", "footer")}


def _is_page(request: EnvironmentRequest) -> bool:
    """Whether the panel is a page of its own, where its headings rank higher."""
    return not request.htmx or "page" in request.GET


def _run(export: Export, uuid: Any) -> Run:
    runs = export.runs.select_related("connection", "triggered_by", "canceled_by", "decided_by")
    return get_object_or_404(runs, uuid=uuid)


def _url(export: Export, name: str, **kwargs: Any) -> str:
    return reverse(f"exports:{name}", kwargs={"environment": export.environment.slug, "pk": export.pk} | kwargs)


def _to_run(request: EnvironmentRequest, export: Export, run: Run | None) -> HttpResponse:
    if run is None or run.pk == export.last_run_id:
        return redirect(_url(export, "progress"))
    return redirect(_url(export, "run_progress", uuid=run.uuid))


def _refused(request: EnvironmentRequest, export: Export, text: str) -> HttpResponse:
    if request.htmx:
        trigger = json.dumps({"notice": {"tone": "warning", "text": text}})
        return HttpResponse(headers={"HX-Trigger": trigger, "HX-Reswap": "none"})
    messages.warning(request, text)
    return redirect(_url(export, "progress"))
