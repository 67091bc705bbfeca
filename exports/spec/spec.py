"""An export by value: what a person, a document or a program asks for. Nouns are called by their names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exports.models import Export, ExportKind, ScheduleMode

# Text that is no number is found by the check.
Number = int | str | None


def _default(name: str) -> Any:
    field_of_model: Any = Export._meta.get_field(name)
    return field_of_model.get_default()


@dataclass(frozen=True)
class Column:
    """A field that goes out, and its name in the file."""

    field: str
    name: str


@dataclass(frozen=True)
class ScheduleSpec:
    """When an export runs by itself. Only what its `repeat` needs counts; all of it with ScheduleMode.OWN alone.

    With ScheduleMode.OFF the rest is what the export follows when it is switched on again.
    """

    mode: str = ScheduleMode.REFRESH
    repeat: str = ""
    minute: Number = None
    times: tuple[str, ...] = ()  # "HH:MM"
    weekdays: tuple[Number, ...] = ()  # 1 (Monday) to 7
    month_day: Number = None  # 1 to 31, or 0 for the last day
    cron: str = ""
    zone: str = ""


@dataclass(frozen=True)
class ExportSpec:
    """What an export is. Segments, tables, connection and fields are named as in its environment.

    `segments` of a data-out export are those whose member lists go. `fields` are by table, in the order of the file;
    of a table that is not there all fields go under their own names.
    """

    name: str
    description: str = ""
    kind: str = ExportKind.SEGMENTS
    connection: str | None = None
    is_detached: bool = False  # its connection was taken away, and it stays without one
    settings: Mapping[str, Any] = field(default_factory=dict)
    segments: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    fields: Mapping[str, tuple[Column, ...]] = field(default_factory=dict)
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    refreshes_segments: bool = field(default_factory=lambda: bool(_default("refreshes_segments")))
    tolerance: Number = field(default_factory=lambda: _default("tolerance"))
    most_removals: Number = field(default_factory=lambda: _default("most_removals"))
    sends_nothing: bool = field(default_factory=lambda: bool(_default("sends_nothing")))

    @property
    def is_of_segments(self) -> bool:
        """Whether chosen fields of segments go, not whole tables."""
        return self.kind == ExportKind.SEGMENTS
