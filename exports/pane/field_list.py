"""*Fields to include*: which fields of a profile table go out, in which order, under which names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from exports.pane.field_source import FieldSource
from exports.pane.typed import typed_column
from roles.validators import one_line
from segments.models import Table

Chosen = tuple[list[str], set[str], Mapping[str, str]]  # order, included fields, names in the file


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
    def columns(self) -> list[tuple[str, str]]:
        """What goes out, as (field, name in the file)."""
        return [(row.name, row.column) for row in self.included]

    def is_valid(self, *, needs_some: bool) -> bool:
        """Check names: some field where one is needed, none empty, none twice; errors are kept beside the rows."""
        if needs_some and not self.included:
            self.error = _("Choose at least one field.")
        seen: set[str] = set()
        for row in self.included:
            if not row.column:
                row.error = _("Give the column a name.")
            elif problem := _problem_of_line(row.column):
                row.error = problem
            elif row.column in seen:
                row.error = _("Another column has this name.")
            seen.add(row.column)
        return not self.error and not any(row.error for row in self.rows)

    def move(self, name: str, step: int) -> None:
        """Move field `name` up (-1) or down (1)."""
        place = next((index for index, row in enumerate(self.rows) if row.name == name), None)
        if place is not None and 0 <= place + step < len(self.rows):
            self.rows.insert(place + step, self.rows.pop(place))


def field_list(source: FieldSource, saved: list[dict[str, Any]] | None, data: QueryDict | None) -> FieldList:
    """Return the list of `source`: what the browser sent, else what is `saved`, else all fields as they are."""
    table = source.table
    keys = {field.name: f"{table.pk}-{field.position}" for field in source.fields}
    was_sent = data is not None and f"order-{table.pk}" in data
    order, included, names = _typed(table, data) if data and was_sent else _saved(list(keys), saved)
    everything = dict.fromkeys([*(name for name in order if name in keys), *keys])
    return FieldList(
        table, [FieldRow(name, keys[name], names.get(name, name), name in included) for name in everything]
    )


def _typed(table: Table, data: QueryDict) -> Chosen:
    order = data.getlist(f"order-{table.pk}")
    names = [typed_column(text) for text in data.getlist(f"column-{table.pk}")]
    return order, set(data.getlist(f"include-{table.pk}")), dict(zip(order, names, strict=False))


def _saved(everything: list[str], saved: list[dict[str, Any]] | None) -> Chosen:
    if saved is None:  # chosen just now
        return everything, set(everything), {}
    order = [entry["field"] for entry in saved]
    return order, set(order), {entry["field"]: entry["name"] for entry in saved}


def _problem_of_line(text: str) -> str:
    """Say what is wrong with a line of text; empty when nothing is."""
    try:
        one_line(text)
    except forms.ValidationError as error:
        return str(error.message)
    return ""
