"""Where the files of a run lie, below the connection's folder (docs/files.md)."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from exports.models import Export

LONGEST_NAME = 80  # bytes of a name on the target, which leaves room for hidden names
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


def first_slot(started_at: datetime, number: int) -> str:
    """The YYYY/MM/DD/HHMM part of the paths (UTC); a second run within the minute gets HHMM_2."""
    suffix = f"_{number}" if number > 1 else ""
    return started_at.astimezone(UTC).strftime("%Y/%m/%d/%H%M") + suffix


def folder_of(path: str) -> str:
    """Return the folder that `path` lies in."""
    return path.rpartition("/")[0]


def safe_name(text: str, otherwise: str) -> str:
    """Return `text` as a name that every file store takes: letters, digits, hyphens, one underscore for the rest."""
    words = re.sub(r"[^\w-]+", "_", unicodedata.normalize("NFC", text)).strip("_")
    short = words.encode()[:LONGEST_NAME].decode(errors="ignore").strip("_")
    return short or otherwise


def unused(name: str, taken: set[str]) -> str:
    """Return `name`, numbered where it is taken already (also in other letters' case), and take it."""
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free.casefold())
    return free


def folder_of_tests(folders: Iterable[str]) -> str:
    """Return the folder of an export's tests, which none of its items has."""
    return unused(TEST, {folder.casefold() for folder in folders})


def root_of(export: Export) -> str:
    """The export's own folder: that of its name, with its id where an older export on the connection has it."""
    root = safe_name(export.name, f"export-{export.pk}")
    older = Export.objects.filter(connection=export.connection_id, pk__lt=export.pk).values_list("name", flat=True)
    is_taken = any(safe_name(name, "").casefold() == root.casefold() for name in older)
    return f"{root}-{export.pk}" if is_taken else root
