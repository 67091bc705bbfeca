"""The base class of formats: a format declares its options and writes rows."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self

import psycopg
from psycopg import sql

from connections.destinations.base import SettingsForm, Text

Settings = Mapping[str, Any]


class Target(Protocol):
    """What the bytes of a file are written to."""

    def write(self, data: bytes, /) -> object:
        """Append `data` (any size)."""


class Format(ABC):
    """How data files are written, with the settings of one export."""

    slug: ClassVar[str]  # Export.settings and Run.files name the format by it
    label: ClassVar[Text]
    form: ClassVar[type[SettingsForm]] = SettingsForm  # what an export is asked for; stored in Export.settings
    suffixes: ClassVar[tuple[str, ...]]  # how the names of its files may end
    # The media type of what `for_spreadsheet` makes; empty where no spreadsheet can open the files.
    spreadsheet_type: ClassVar[str] = ""
    # What the help page of a file store says of these files: a heading and a text.
    help_title: ClassVar[Text]
    help_text: ClassVar[Text]

    @classmethod
    @abstractmethod
    def of(cls, settings: Settings) -> Self:
        """Return the format as an export's `settings` ask for it."""

    @classmethod
    @abstractmethod
    def of_file(cls, entry: Settings, settings: Settings) -> Self:
        """Return the format of the delivered file that `entry` of Run.files describes.

        `settings` are those that its export has now, for files of versions that noted less.
        """

    @property
    @abstractmethod
    def suffix(self) -> str:
        """How the names of data files end."""

    @property
    @abstractmethod
    def media_type(self) -> str:
        """The media type of data files."""

    @property
    def entry(self) -> dict[str, Any]:
        """What Run.files keeps of the format, so that `of_file` knows how to read the file."""
        return {"format": self.slug}

    @property
    @abstractmethod
    def manifest(self) -> dict[str, Any]:
        """What the manifest says about how data files are written."""

    @property
    def model_settings(self) -> dict[str, Any] | None:
        """The `fileFormatSettings` of partitions in model.json; None where its form has none for the format."""
        return None

    @property
    def compression(self) -> str | None:
        """What whole files are compressed with, as model.json states it; None where they are not."""
        return None

    @abstractmethod
    def write(
        self,
        connection: psycopg.Connection[Any],
        query: sql.Composed,
        names: Sequence[str],
        target: Target,
        report: Callable[[int], None],
    ) -> int:
        """Write the rows of `query`, whose columns are called `names`, to `target`; return how many there were.

        `report` is told now and then how many rows were read. No Python for each row where that can be avoided.
        """

    def for_spreadsheet(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Return the bytes of a delivered file so that a spreadsheet computes none of its values."""
        raise NotImplementedError

    def spreadsheet_name(self, name: str) -> str:
        """Return the name of what `for_spreadsheet` makes of the file called `name`."""
        return name
