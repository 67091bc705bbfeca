"""*Fields to include*: which fields of a profile table go out, in which order, under which names."""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

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
    place: int  # in the default order, from 0
    column: str
    is_included: bool
    error: str = ""

    @property
    def column_label(self) -> str:
        """What a screen reader calls the name in the file."""
        return _("Name of %(field)s in the file") % {"field": self.name}

    @property
    def moves(self) -> list[tuple[str, str, str]]:
        """The buttons that move it, as (way, icon, label)."""
        ways = [
            ("top", "to-top", _("Move %(field)s to the top")),
            ("up", "chevron-up", _("Move %(field)s up")),
            ("down", "chevron-down", _("Move %(field)s down")),
        ]
        return [(way, icon, label % {"field": self.name}) for way, icon, label in ways]


@dataclass
class FieldList:
    """*Fields to include* of one profile table: those that go out first, in the order of the file."""

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

    @property
    def signature(self) -> str:
        """The same for the same fields of the same table, whatever is chosen of them."""
        names = "\0".join(row.name for row in sorted(self.rows, key=lambda row: row.place))
        return f"{self.table.pk}-{zlib.crc32(names.encode()):x}"

    def move(self, name: str, way: str) -> None:
        """Move field `name` to the top, up or down; "reset" brings all back to the default order."""
        if way == "reset":
            self.rows.sort(key=lambda row: (not row.is_included, row.place))
            return
        place = next((index for index, row in enumerate(self.rows) if row.name == name), None)
        if place is None:
            return
        goal = {"top": 0, "up": place - 1, "down": place + 1}.get(way, place)
        if 0 <= goal < len(self.rows):
            self.rows.insert(goal, self.rows.pop(place))

    def choose(self, columns: Sequence[Column]) -> None:
        """Include exactly `columns`, in their order; those that the table does not have are left out."""
        names = {one.field: one.name for one in columns}
        order = {name: place for place, name in enumerate(names)}
        for row in self.rows:
            row.is_included, row.column = row.name in names, names.get(row.name, row.column)
        self.rows.sort(key=lambda row: (not row.is_included, order.get(row.name, row.place)))

    def take(self, problems: Iterable[Problem]) -> None:
        """Keep, beside the rows, what is wrong with the fields of this table."""
        for problem in problems:
            match problem.path:
                case ("fields", self.table.name, int(index), *_rest):
                    self.included[index].error = self.included[index].error or problem.message
                case ("fields", self.table.name):
                    self.error = problem.message


def field_list(source: FieldSource, chosen: Sequence[Column] | None, sent: Submission | None) -> FieldList:
    """Return the list of `source`, of which `chosen` go out (None: all, as they are); `sent` names the others."""
    table = source.table
    keys = {field.name: f"{table.pk}-{field.position}" for field in source.fields}
    places = {name: place for place, name in enumerate(keys)}
    columns = [Column(name, name) for name in keys] if chosen is None else chosen
    included = {one.field: one.name for one in columns}
    names = (sent.names(table.pk) if sent else {}) | included
    order = (sent.order(table.pk) if sent else []) or list(included)
    everything = dict.fromkeys([*(name for name in order if name in keys), *keys])
    in_order = sorted(everything, key=lambda name: name not in included)
    return FieldList(
        table,
        [FieldRow(name, keys[name], places[name], names.get(name, name), name in included) for name in in_order],
    )
