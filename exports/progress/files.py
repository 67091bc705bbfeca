"""The files that a run delivered, and whether the user can download them."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from connections.destinations.base import FileDestination
from exports.formats.registry import opens_in_spreadsheet
from exports.models import Export, Run
from roles.access.policy import Access
from roles.secrets.store import UnreadableSecretError


@dataclass(frozen=True)
class FileEntry:
    """One delivered file; `url` is empty where it cannot be downloaded, and `note` may say why."""

    path: str
    rows: int | None
    bytes: int
    sha256: str
    url: str
    spreadsheet_url: str
    note: str = ""


def files_of(run: Run, export: Export, access: Access) -> list[FileEntry]:
    """Return the files of `run` once it has ended, with where the user can download them."""
    if not run.ended_at:
        return []
    can_download = export.is_editable_by(access) and not why_no_download(run, access)
    return [_entry(run, export, index, can_download) for index in range(len(run.files))]


def is_replaced(run: Run, entry: dict[str, Any]) -> bool:
    """Whether a later run of the same export gave a file of its own this file's name, as with model.json."""
    recorded = run.export.runs.filter(files__contains=[{"path": entry["path"]}])
    same_place = recorded.filter(connection=run.connection_id, target=run.target)
    return same_place.filter(pk__gt=run.pk, is_publishing=True).exists()


def is_out_of_reach(run: Run, access: Access) -> bool:
    """Whether another connection delivered the files of `run` than those that the user may use."""
    return run.connection is not None and not run.connection.is_usable_by(access)


def why_no_download(run: Run, access: Access) -> str:
    """Say why the user, who may edit the export, cannot download the files of `run`; "" when they can."""
    connection = run.connection
    if connection is None:
        return _("The connection that delivered these files was removed. Look for the files at the destination.")
    if is_out_of_reach(run, access):
        return _("These files were delivered through a connection that is not shared with you. Ask an administrator.")
    if run.target != connection.settings:
        return _("The connection now points elsewhere. Look for these files at the previous destination.")
    try:
        destination = connection.open()
    except (KeyError, UnreadableSecretError):
        return _("The connection cannot be used now. Ask an administrator.")
    if not (isinstance(destination, FileDestination) and destination.can_download):
        return _("Files of this connection type are available at the destination only.")
    return ""


def why_not_for(run: Run, export: Export, access: Access) -> str:
    """Say why the user gets no download of the run's files; "" when they do, or when there is none."""
    if not (run.files and run.ended_at):
        return ""
    if not export.is_editable_by(access):
        return _("You need edit permission for this export to download its files.")
    return why_no_download(run, access)


def _entry(run: Run, export: Export, index: int, can_download: bool) -> FileEntry:
    file: dict[str, Any] = run.files[index]
    facts = (file["path"], file.get("rows"), file["bytes"], file["sha256"])
    if can_download and file.get("role") == "model" and is_replaced(run, file):
        return FileEntry(*facts, url="", spreadsheet_url="", note=_("Replaced by a later run."))
    kwargs = {"environment": export.environment.slug, "pk": export.pk, "uuid": run.uuid, "index": index}
    url = reverse("exports:file", kwargs=kwargs) if can_download else ""
    sheet = f"{url}?as=spreadsheet" if url and opens_in_spreadsheet(file, export.settings) else ""
    return FileEntry(*facts, url, sheet)
