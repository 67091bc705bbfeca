"""Which files a run writes, and where they lie below the connection's folder (docs/files.md). Nothing is sent here."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from exports.formats.base import Format
from exports.formats.registry import UnknownFormatError, format_of
from exports.models import Export, ExportKind, Run
from exports.spec.folders import export_folder, folded, safe_name, unused
from exports.work.errors import RunError
from exports.work.files import cdm_names
from exports.work.plan import Item, ItemColumn, ItemKind, RunPlan
from roles.messages import said as _

MANIFEST, TEST = "manifest", "test"


@dataclass(frozen=True)
class Layout:
    """The paths of one run below `root`, the export's own folder; `test` is the folder of tests, "" for no test."""

    root: str
    suffix: str
    test: str = ""

    def data(self, folder: str, slot: str) -> str:
        """Return the path of the data file of the item called `folder`."""
        where = f"{self.test}/{slot}" if self.test else f"{folder}/{slot}"
        return f"{self.root}/{where}/{folder}_1{self.suffix}"

    def manifest(self, slot: str) -> str:
        """Return the path of the manifest, written last."""
        return f"{self.root}/{self.test or MANIFEST}/{slot}/manifest.json"

    @property
    def model(self) -> str:
        """The path of a data-out export's model.json, which every run replaces."""
        return f"{self.root}/model.json"

    def within(self, path: str) -> str:
        """Return `path` as seen from the export's folder, as manifest and model.json name it."""
        return path.removeprefix(f"{self.root}/")


@dataclass(frozen=True)
class FileItem(Item):
    """An item that becomes one file; `folder` is the name of its folder and of the file."""

    folder: str = ""


@dataclass(frozen=True)
class FilePlan:
    """All that a run writes. `most_rows` says how many records of each item a test sends, None for a real run."""

    items: list[FileItem]
    layout: Layout
    format: Format
    has_model: bool = False
    most_rows: int | None = None

    def path(self, item: FileItem, slot: str) -> str:
        """The path of the item's file, below the connection's folder."""
        return self.layout.data(item.folder, slot)

    def paths(self, slot: str) -> list[str]:
        """Every path that is new with each run in `slot`: all but model.json's."""
        return [self.path(item, slot) for item in self.items] + [self.layout.manifest(slot)]

    def folders(self, slot: str) -> list[str]:
        """Every folder that the run would write to in `slot`."""
        paths = [*self.paths(slot), self.layout.model] if self.has_model else self.paths(slot)
        return sorted({parent_folder(path) for path in paths})


def file_plan(run: Run, planned: RunPlan) -> FilePlan:
    """Return the files of a run that sends what is `planned`; those that are too small take no other one's folder.

    Raises RunError for a format that is not there any more.
    """
    export = run.export
    folders = _folders(export, planned.named)
    by_noun = {_key(item): folder for item, folder in zip(planned.named, folders, strict=True)}
    file_format = _format_of(export)
    test = test_folder(folders) if run.most_rows else ""
    return FilePlan(
        items=[_file_item(item, by_noun[_key(item)]) for item in planned.items],
        layout=Layout(export_folder(export), file_format.suffix, test),
        format=file_format,
        has_model=has_model(run),
        most_rows=run.most_rows,
    )


def _format_of(export: Export) -> Format:
    try:
        return format_of(export.settings)
    except UnknownFormatError as error:
        raise RunError(error.message, reason=_("Its format is gone")) from error


def has_model(run: Run) -> bool:
    """Whether the run writes a model.json."""
    return run.export.kind == ExportKind.DATA_OUT and run.most_rows is None


def slot_name(started_at: datetime, number: int) -> str:
    """The YYYY/MM/DD/HHMM part of the paths (UTC); a second run within the minute gets HHMM_2."""
    suffix = f"_{number}" if number > 1 else ""
    return started_at.astimezone(UTC).strftime("%Y/%m/%d/%H%M") + suffix


def parent_folder(path: str) -> str:
    """Return the folder that `path` lies in."""
    return path.rpartition("/")[0]


def test_folder(folders: Iterable[str]) -> str:
    """Return the folder of an export's tests, which none of its items has."""
    return unused(TEST, folders)


def _file_item(item: Item, folder: str) -> FileItem:
    """Return the item as a file; what has no chosen fields names its columns as model.json can name them, too."""
    columns = item.columns if item.kind == ItemKind.SEGMENT else _valid(item.columns)
    return FileItem(item.kind, item.noun, columns, item.is_projected, folder)


def _valid(columns: list[ItemColumn]) -> list[ItemColumn]:
    taken: set[str] = set()
    return [replace(column, name=cdm_names.attribute(column.name, taken)) for column in columns]


def _key(item: Item) -> tuple[ItemKind, int]:
    return item.kind, item.noun.pk


def _folders(export: Export, items: Sequence[Item]) -> list[str]:
    """Return a folder for each; those of like names carry their ids, so that none ever gets another one's files."""
    plain = [safe_name(item.name, "", keeps_marks=export.folders_keep_marks) for item in items]
    often = Counter([MANIFEST, *map(folded, plain)])
    taken: list[str] = []
    for item, name in zip(items, plain, strict=True):
        own = f"{'table' if item.kind == ItemKind.TABLE else 'segment'}-{item.noun.pk}"
        is_alone = bool(name) and often[folded(name)] == 1
        taken.append(unused(name if is_alone else f"{name}-{own}".lstrip("-"), taken))
    return taken
