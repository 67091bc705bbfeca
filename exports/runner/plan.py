"""What a run will send: its segments, their columns and the names of the files. Nothing is sent here."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from connections.destinations.base import Destination
from exports.models import Export
from exports.runner.errors import RunError
from segments import warehouse
from segments.models import Segment, Table

NOT_ELIGIBLE = (
    "The following segments are not eligible for this export destination: %(names)s. "
    "Please select only segments of type ContactProfile and try again."
)
LONGEST_NAME = 80  # bytes of a name on the target, which leaves room for hidden names


@dataclass(frozen=True)
class Item:
    """One segment of a run: `columns` are (field in the table, name in the file), in order."""

    segment: Segment
    folder: str
    columns: list[tuple[str, str]]
    types: list[str]


@dataclass(frozen=True)
class Plan:
    """All that a run will write, below `root`."""

    root: str
    items: list[Item]
    suffix: str
    is_compressed: bool

    def path(self, item: Item, slot: str) -> str:
        """The path of the item's file, below the connection's folder."""
        return f"{self.root}/{item.folder}/{slot}/{item.folder}_1{self.suffix}"

    def manifest_path(self, slot: str) -> str:
        """The path of the manifest, written last."""
        return f"{self.root}/manifest/{slot}/manifest.json"

    def paths(self, slot: str) -> list[str]:
        """Every path that the run would write in `slot`."""
        return [self.path(item, slot) for item in self.items] + [self.manifest_path(slot)]


def make_plan(export: Export, destination: type[Destination]) -> Plan:
    """Return what `export` sends now. Raises RunError where a person has to change something first."""
    segments = [entry.segment for entry in export.export_segments.select_related("segment__table")]
    if not segments:
        raise RunError(_("The export has no segments. Edit it and choose at least one."), reason=_("No segments"))
    _refuse_ineligible(segments, destination)
    _refuse_unreadable(segments)
    is_compressed = export.settings.get("compression") == "gzip"
    return Plan(
        root=_root(export),
        items=_items(export, segments),
        suffix=".csv.gz" if is_compressed else ".csv",
        is_compressed=is_compressed,
    )


def chosen_columns(export: Export, table: Table) -> list[tuple[str, str]]:
    """Return the export's (field, name in the file) of `table`; all fields where nothing was chosen."""
    chosen = export.field_selection.get(str(table.pk))
    if chosen is None:
        return [(field.name, field.name) for field in table.fields.all()]
    return [(entry["field"], entry["name"]) for entry in chosen]


def first_slot(started_at: datetime, number: int) -> str:
    """The YYYY/MM/DD/HHMM part of the paths (UTC); a second run within the minute gets HHMM_2."""
    suffix = f"_{number}" if number > 1 else ""
    return started_at.astimezone(UTC).strftime("%Y/%m/%d/%H%M") + suffix


def safe_name(text: str, otherwise: str) -> str:
    """Return `text` as a name that every file store takes: letters, digits, hyphens, one underscore for the rest."""
    words = re.sub(r"[^\w-]+", "_", unicodedata.normalize("NFC", text)).strip("_")
    short = words.encode()[:LONGEST_NAME].decode(errors="ignore").strip("_")
    return short or otherwise


def _root(export: Export) -> str:
    """The export's own folder: that of its name, with its id where an older export on the connection has it."""
    root = safe_name(export.name, f"export-{export.pk}")
    older = Export.objects.filter(connection=export.connection_id, pk__lt=export.pk).values_list("name", flat=True)
    is_taken = any(safe_name(name, "").casefold() == root.casefold() for name in older)
    return f"{root}-{export.pk}" if is_taken else root


def _refuse_ineligible(segments: list[Segment], destination: type[Destination]) -> None:
    refused = [segment.name for segment in segments if segment.table.profile_kind not in destination.takes]
    if refused:
        names = ", ".join(f"'{name}'" for name in refused)
        raise RunError(_(NOT_ELIGIBLE) % {"names": names}, reason=_("Segment not eligible"))


def _refuse_unreadable(segments: list[Segment]) -> None:
    for segment in segments:
        if why := warehouse.why_not_readable(segment):
            raise RunError(why, reason=_("Segment cannot be read"))


def _items(export: Export, segments: list[Segment]) -> list[Item]:
    folders: set[str] = {"manifest"}
    items = []
    for segment in segments:
        columns = chosen_columns(export, segment.table)
        types = {field.name: field.pg_type for field in segment.table.fields.all()}
        _refuse_missing(segment, columns, types)
        folder = _unused(safe_name(segment.name, f"segment-{segment.pk}"), folders)
        items.append(Item(segment, folder, columns, [types[field] for field, _name in columns]))
    return items


def _refuse_missing(segment: Segment, columns: list[tuple[str, str]], types: dict[str, str]) -> None:
    missing = [field for field, _name in columns if field not in types]
    if missing:
        message = _("The table “%(table)s” no longer has %(fields)s. Edit the export and choose its fields again.")
        names = ", ".join(f"“{name}”" for name in missing)
        raise RunError(message % {"table": segment.table.name, "fields": names}, reason=_("A field is gone"))
    if not columns:
        message = _("No field of “%(table)s” is included. Edit the export and choose at least one.")
        raise RunError(message % {"table": segment.table.name}, reason=_("No fields"))


def _unused(name: str, taken: set[str]) -> str:
    """Return `name`, numbered where it is taken already (also in other letters' case), and take it."""
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.casefold())
    return free
