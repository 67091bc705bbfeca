"""Keeps the types of a table's columns from import to import, as long as their values fit."""

from django.utils.translation import gettext as _

from segments.importing.columns import Column
from segments.importing.deciding import AUTO
from segments.importing.needing import is_broken, is_used, uses_of_retyped
from segments.models import Field, Table
from segments.types import DATES, NUMBERS, TEXTS, TIMES, WHOLE_BITS, base_of
from segments.warehouse.queries import types_of


def recall_types(table: Table, columns: list[Column]) -> None:
    """Set the columns' earlier types; a column that never had values and that nobody uses may become anything."""
    if table.pk is None:
        return
    held, fields = types_of(table), {field.name: field for field in table.fields.all()}
    for column in columns:
        field = fields.get(column.name)
        if field is None or not (field.is_settled or is_used(table, field.name)):
            continue
        column.known = held.get(column.name, field.pg_type)
        column.is_missed = base_of(column.known) in TEXTS and is_broken(table, field.name)
        column.known_layout, column.known_format = field.layout, field.date_format


def store_type(field: Field, column: Column) -> None:
    """Store the column's type on its field."""
    is_told = column.has_values or column.asked not in ("", AUTO)
    field.is_settled = is_told or (field.is_settled and field.pk is not None)
    field.pg_type, field.layout = base_of(column.pg_type)[:40], column.layout
    field.date_format = column.date_format or (field.date_format if not column.has_values else "")


def type_change(table: Table, column: Column) -> str:
    """Return how the column's type changed, and what uses it; "" if that affects nobody."""
    old, new = base_of(column.known), base_of(column.pg_type)
    if old in ("", new) or {old, new} <= WHOLE_BITS.keys():
        return ""
    details = {"name": column.name, "old": old, "new": new}
    if (old in NUMBERS and new in NUMBERS) or (old in DATES and new in TIMES):
        return _("%(name)s changed from %(old)s to %(new)s.") % details
    text = _("%(name)s changed from %(old)s to %(new)s. %(todo)s")
    if column.misfit:
        text = _("%(name)s changed from %(old)s to %(new)s: “%(value)s” is not a valid %(old)s. %(todo)s")
    todo = uses_of_retyped(table, column.name, new) or _("It was not used.")
    return text % {**details, "value": column.misfit, "todo": todo}
