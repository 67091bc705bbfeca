"""What a run will send and where its files will lie. Nothing is sent here."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import psycopg
from django.utils.translation import gettext as _

from connections.destinations.base import Destination
from exports.formats.csv import FileFormat
from exports.models import Export, ExportKind, Run
from exports.spec import folders as names
from exports.spec.eligibility import is_projected
from exports.work import gate
from exports.work.errors import RunError
from exports.work.gate import LeftOut
from exports.work.items import Item, members_item, segment_item, table_item
from exports.work.paths import MANIFEST, Layout, folder_of, folder_of_tests
from segments.models import Segment, Table


@dataclass(frozen=True)
class Plan:
    """All that a run will write. `most_rows` says how many records of each item a test sends, None for a real run."""

    items: list[Item]
    layout: Layout
    format: FileFormat
    has_model: bool = False
    most_rows: int | None = None
    left_out: list[LeftOut] = field(default_factory=list)

    def path(self, item: Item, slot: str) -> str:
        """The path of the item's file, below the connection's folder."""
        return self.layout.data(item.folder, slot)

    def paths(self, slot: str) -> list[str]:
        """Every path that is new with each run in `slot`: all but model.json's."""
        return [self.path(item, slot) for item in self.items] + [self.layout.manifest(slot)]

    def folders(self, slot: str) -> list[str]:
        """Every folder that the run would write to in `slot`."""
        paths = [*self.paths(slot), self.layout.model] if self.has_model else self.paths(slot)
        return sorted({folder_of(path) for path in paths})

    @property
    def nouns(self) -> list[Table | Segment]:
        """All that is read."""
        return [item.noun for item in self.items]


def make_plan(run: Run, destination: type[Destination]) -> Plan:
    """Return what the run of an export sends now. Raises RunError where a person has to change something first."""
    export, is_data_out = run.export, run.export.kind == ExportKind.DATA_OUT
    items = _data_out(export, destination) if is_data_out else _segments(export, destination)
    file_format = FileFormat.of(export.settings)
    test = folder_of_tests(item.folder for item in items) if run.most_rows else ""
    return Plan(
        items=items,
        layout=Layout(names.folder_of(export), file_format.suffix, test),
        format=file_format,
        has_model=is_data_out and not test,
        most_rows=run.most_rows,
    )


def within_limits(plan: Plan, connection: psycopg.Connection, destination: type[Destination]) -> Plan:
    """Return the plan without the segments that are too small for the target; a test's size does not matter.

    Raises SkippedRunError where the target's limits let nothing go.
    """
    if plan.most_rows is not None:
        return plan
    items, left_out = gate.within_limits(connection, plan.items, destination)
    return replace(plan, items=items, left_out=left_out)


def _segments(export: Export, destination: type[Destination]) -> list[Item]:
    segments = _segments_of(export)
    if not segments:
        raise RunError(_("The export has no segments. Edit it and choose at least one."), reason=_("No segments"))
    gate.refuse_ineligible(export, segments, destination)
    return [
        segment_item(export, segment, folder, is_projected=is_projected(segment, destination, export.settings))
        for segment, folder in zip(segments, _folders(export, segments), strict=True)
    ]


def _data_out(export: Export, destination: type[Destination]) -> list[Item]:
    if not destination.takes_tables:
        message = _("%(type)s takes no tables. Edit the export and choose a connection to a file store.")
        raise RunError(message % {"type": destination.label}, reason=_("Takes no tables"))
    tables = [entry.table for entry in export.export_tables.select_related("table__environment")]
    segments = _segments_of(export)
    folders = _folders(export, [*tables, *segments])
    items = [table_item(table, folder) for table, folder in zip(tables, folders, strict=False)]
    items += [members_item(*pair) for pair in zip(segments, folders[len(tables) :], strict=True)]
    if not items:
        message = _("The export has no tables and no member lists. Edit it and choose at least one.")
        raise RunError(message, reason=_("No tables"))
    return items


def _segments_of(export: Export) -> list[Segment]:
    entries = export.export_segments.select_related("segment__table__environment", "segment__environment")
    return [entry.segment for entry in entries]


def _folders(export: Export, nouns: Sequence[Table | Segment]) -> list[str]:
    """Return a folder for each; those of like names carry their ids, so that none ever gets another one's files."""
    plain = [names.safe_name(noun.name, "", keeps_marks=export.folders_keep_marks) for noun in nouns]
    often = Counter([MANIFEST, *(name.casefold() for name in plain)])
    taken: list[str] = []
    for noun, name in zip(nouns, plain, strict=True):
        own = f"{'table' if isinstance(noun, Table) else 'segment'}-{noun.pk}"
        is_alone = bool(name) and often[name.casefold()] == 1
        taken.append(names.unused(name if is_alone else f"{name}-{own}".lstrip("-"), taken))
    return taken
