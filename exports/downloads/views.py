"""Delivered files of a run: download, through the connection that delivered them."""

import json

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET

from connections.destinations.base import DeliveryError
from exports.downloads.download import Download
from exports.formats.registry import opens_in_spreadsheet
from exports.models import Export, Run
from exports.progress.files import is_out_of_reach, why_no_download
from exports.web.common import load
from roles.access.policy import EnvironmentRequest, requires
from roles.audit import audit
from roles.net.downloads import TooManyDownloadsError, as_answer
from roles.permissions import Permission


@requires(Permission.EDIT_EXPORTS)
@require_GET
def file(request: EnvironmentRequest, pk: int, uuid: str, index: int) -> HttpResponseBase:
    """Send a delivered file to those who may edit its export; htmx is told first whether it can be had."""
    export = load(request, pk, to_edit=True)
    run = get_object_or_404(export.runs.select_related("connection", "export"), uuid=uuid)
    for_spreadsheet = request.GET.get("as") == "spreadsheet"
    if index >= len(run.files) or (for_spreadsheet and not opens_in_spreadsheet(run.files[index], export.settings)):
        raise Http404
    if is_out_of_reach(run, request.access):
        raise PermissionDenied
    if why := why_no_download(run, request.access):
        return _refusal(request, export, run, why)
    try:
        download = Download(run, index, person=request.user.pk, for_spreadsheet=for_spreadsheet)
    except (DeliveryError, TooManyDownloadsError) as error:
        return _refusal(request, export, run, str(error))
    if request.htmx:
        download.close()
        return HttpResponse(headers={"HX-Redirect": request.get_full_path(), "HX-Reswap": "none"})
    changes = {"run": str(run.uuid), "file": download.entry["path"], "as": "spreadsheet" if for_spreadsheet else "file"}
    try:
        audit.record(request.environment, "download", export, by=request.user, changes=changes)
    except BaseException:
        download.close()
        raise
    return as_answer(download, download.name, download.close, content_type=download.media_type, size=download.size)


def _refusal(request: EnvironmentRequest, export: Export, run: Run, text: str) -> HttpResponse:
    """Say why there is no download: a notice in the open panel, or on the run's page."""
    if request.htmx:
        trigger = json.dumps({"notice": {"tone": "danger", "text": text}})
        return HttpResponse(headers={"HX-Trigger": trigger, "HX-Reswap": "none"})
    messages.error(request, text)
    return redirect("exports:run_progress", environment=request.environment.slug, pk=export.pk, uuid=run.uuid)
