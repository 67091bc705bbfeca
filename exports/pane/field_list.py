"""*Fields to include*: which fields of a profile table go out, in which order, under which names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exports.pane.submission import Submission
from exports.spec.field_sources import FieldSource
from exports.spec.problems import Problem
from exports.spec.spec import Column
from segments.models import Table


@dataclass
class FieldRow:
    """One field of a profile table in *fields to include*."""

    name: str
    key: str  # stays with the field wherever it is moved: ids are made of it
    column: str
    is_included: bool
    error: str = ""


@dataclass
class FieldList:
    """*Fields to include* of one profile table, in the order of the file."""

    table: Table
    rows: list[FieldRow]
    error: str = ""

    @property
    def included(self) -> list[FieldRow]:
        """Those that go out."""
        return [row for row in self.rows if row.is_included]

    @property
    def columns(self) -> tuple[Column, ...]:
        """What goes out."""
        return tuple(Column(row.name, row.column) for row in self.included)

    def move(self, name: str, step: int) -> None:
        """Move field `name` up (-1) or down (1)."""
        place = next((index for index, row in enumerate(self.rows) if row.name == name), None)
        if place is not None and 0 <= place + step < len(self.rows):
            self.rows.insert(place + step, self.rows.pop(place))

    def take(self, problems: Iterable[Problem]) -> None:
        """Keep, beside the rows, what is wrong with the fields of this table."""
        for problem in problems:
            match problem.path:
                case ("fields", self.table.name, int(index), *_):
                    self.included[index].error = self.included[index].error or problem.message
                case ("fields", self.table.name):
                    self.error = problem.message


def field_list(source: FieldSource, chosen: Sequence[Column] | None, sent: Submission | None) -> FieldList:
    """Return the list of `source`, of which `chosen` go out (None: all, as they are); `sent` names the others."""
    table = source.table
    keys = {field.name: f"{table.pk}-{field.position}" for field in source.fields}
    columns = [Column(name, name) for name in keys] if chosen is None else chosen
    included = {one.field: one.name for one in columns}
    names = (sent.names(table.pk) if sent else {}) | included
    order = (sent.order(table.pk) if sent else []) or list(included)
    everything = dict.fromkeys([*(name for name in order if name in keys), *keys])
    return FieldList(
        table, [FieldRow(name, keys[name], names.get(name, name), name in included) for name in everything]
    )
