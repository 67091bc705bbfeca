"""What viewers see of customers' values: booleans, and the columns that an administrator shows to them."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from roles.access.policy import Access
from roles.audit import audit
from roles.models import User
from roles.permissions import Permission
from segments import masking
from segments.models import Field, Segment, Table
from segments.relationships import related_names
from segments.rules import Condition, through_of
from segments.types import are_comparable

BOOLEANS = {"true", "false", "yes", "no"}  # as they are read, and as a condition may write them

Hide = Callable[[str | None, Field], str | None]


class ChangedMeanwhileError(Exception):
    """A column has changed since the form was opened; nothing was changed."""


def for_viewer(value: str | None, field: Field) -> str | None:
    """Return a value of `field` as viewers may see it. A boolean is shown only if it reads like one."""
    is_boolean = field.pg_type == "boolean" and (value or "").strip().lower() in BOOLEANS
    return value if field.is_shown or is_boolean else masking.conceal(value, field.semantic_type)


def is_for_viewer(access: Access) -> bool:
    """Whether the user is a viewer; people who may edit data see all values."""
    return not access.has_permission(Permission.EDIT_DATA)


def for_preview(access: Access) -> Hide:
    """Return how an export's preview masks values: personal data for everybody, for viewers all unmarked columns."""
    return for_viewer if is_for_viewer(access) else _personal


def _personal(value: str | None, field: Field) -> str | None:
    return value if field.is_shown else masking.mask(value, field.semantic_type)


def rows_of(rows: Iterable[Iterable[str | None]], fields: list[Field], hide: Hide) -> list[list[str | None]]:
    """Return `rows`, one value for each of `fields`, with what is to be hidden hidden.

    Marks are read anew, after the rows: an import may have made another column of one since `fields` were.
    """
    now = Field.objects.in_bulk([field.pk for field in fields])

    def seen(value: str | None, field: Field) -> str | None:
        return hide(value, now[field.pk]) if field.pk in now else masking.conceal(value, "")

    return [[seen(value, field) for value, field in zip(row, fields, strict=True)] for row in rows]


def can_be_marked(field: Field) -> bool:
    """Whether a mark decides what viewers see of it: booleans are shown anyway."""
    return field.pg_type != "boolean"


def look_of(field: Field) -> str:
    """Return the form value that marks `field`: it holds the type and meaning that the administrator saw."""
    return f"{field.pk}:{field.pg_type}:{field.semantic_type}"


@transaction.atomic
def choose(table: Table, looks: Iterable[str], *, by: User) -> None:
    """Show to viewers exactly the columns that `looks` name. Raises ChangedMeanwhileError."""
    fields = list(table.fields.select_for_update())
    known = {look_of(field): field for field in fields if can_be_marked(field)}
    if not known.keys() >= (wanted := set(looks)):
        raise ChangedMeanwhileError
    before = shown_names(fields)
    for look, field in known.items():
        field.is_shown = look in wanted
    Field.objects.bulk_update(known.values(), ["is_shown"])
    if changes := changes_of(before, shown_names(fields)):
        audit.record(table.environment, "choose shown", table, by=by, changes=changes)


def shown_names(fields: Iterable[Field]) -> list[str]:
    """Return the names of those that an administrator shows to viewers, in their order."""
    return [field.name for field in fields if field.is_shown]


def changes_of(before: list[str], after: list[str]) -> dict[str, Any]:
    """Return what the audit log records of the choice, nothing if it is unchanged."""
    return {"shown": [before, after]} if sorted(before) != sorted(after) else {}


def is_kept(field: Field, pg_type: str, semantic_type: str) -> bool:
    """Whether a mark outlives an import: not if the kind of values or the meaning changes."""
    return field.is_shown and are_comparable(field.pg_type, pg_type) and field.semantic_type == semantic_type


def lost_text(name: str) -> str:
    """Return the note that a column is masked again."""
    text = _("Viewers see %(name)s masked again because its type or meaning changed.")
    return text % {"name": name}


@transaction.atomic
def hide_changed(table: Table, held: dict[str, str]) -> None:
    """Unmark columns that are gone or of another kind; `held` maps existing columns to their types."""
    fields = list(table.fields.select_for_update().filter(is_shown=True))
    gone = [field for field in fields if not are_comparable(field.pg_type, held.get(field.name, ""))]
    if gone:
        table.fields.filter(pk__in=[field.pk for field in gone]).update(is_shown=False)
        left = [field.name for field in fields if field not in gone]
        changes = changes_of(shown_names(fields), left)
        audit.record(table.environment, "choose shown", table, by=None, changes=changes)


def conditions_for_viewers(segment: Segment) -> list[Condition]:
    """Return the segment's conditions with their values masked for viewers: they may be personal data."""
    names = {segment.table.name, *related_names(segment.conditions)}
    fields = Field.objects.filter(table__environment=segment.environment_id, table__name__in=names)
    by_name = {(field.table.name, field.name): field for field in fields.select_related("table")}
    return [one | {"value": _value(one, segment.table.name, by_name)} for one in segment.conditions]


def _value(condition: Condition, own: str, fields: dict[tuple[str, str], Field]) -> str:
    through = through_of(condition)
    field = fields.get((through[1] if through else own, condition["field"]))
    value = condition["value"]
    return (for_viewer(value, field) if field else masking.conceal(value, "")) or ""
