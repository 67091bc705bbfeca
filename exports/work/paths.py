"""Where the files of a run lie, below the connection's folder (docs/files.md)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from exports.spec.folders import unused

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


def folder_of_tests(folders: Iterable[str]) -> str:
    """Return the folder of an export's tests, which none of its items has."""
    return unused(TEST, folders)
