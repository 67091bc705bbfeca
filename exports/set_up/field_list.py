"""*Fields to include*: which fields of a profile table go out, in which order, under which names."""

from dataclasses import dataclass

from django import forms
from django.utils.translation import gettext as _

from roles.validators import one_line
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
    def columns(self) -> list[tuple[str, str]]:
        """What goes out, as (field, name in the file)."""
        return [(row.name, row.column) for row in self.included]

    def is_valid(self) -> bool:
        """Check names: some field, none empty, none twice; the errors are kept beside the rows."""
        if not self.included:
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


def _problem_of_line(text: str) -> str:
    """Say what is wrong with a line of text; empty when nothing is."""
    try:
        one_line(text)
    except forms.ValidationError as error:
        return str(error.message)
    return ""
