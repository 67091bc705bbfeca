"""The fields that a condition can use: the table's own, and those of related tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from segments.models import Table
from segments.relationships import related_fields
from segments.rules import Condition, Related, Through, label_of, through_of

Group = tuple[str, list[tuple[str, str]]]  # (heading, [(value, label), …]); the own fields' heading is ""


@dataclass(frozen=True)
class Choices:
    """Fields with their PostgreSQL types: own ones by name, others by the reference to their table."""

    own: dict[str, str] = field(default_factory=dict)
    related: Mapping[Through, Related] = field(default_factory=dict)

    @property
    def groups(self) -> list[Group]:
        """The choices, the own fields first."""
        own: Group = ("", [(name, name) for name in self.own])
        return [own, *(self._group(through, found) for through, found in self.related.items())]

    @property
    def first(self) -> str:
        """The value of the first choice, "" where there is none."""
        return next(iter(self.own), "")

    def parts(self, value: str) -> Condition:
        """Return the condition, without comparison, for a choice's value."""
        if value not in self.own and (names := _names(value)):
            return {"through": names[0], "to": names[1], "field": names[2], "operator": "", "value": ""}
        return {"field": value, "operator": "", "value": ""}

    def label(self, value: str) -> str:
        """Return a choice's label, even if it is no longer offered."""
        return label_of(self.parts(value))

    def type_of(self, value: str) -> str:
        """Return the PostgreSQL type of the chosen field, "" if it is no longer offered."""
        parts = self.parts(value)
        through = through_of(parts)
        if through is None:
            return self.own.get(value, "")
        return self.related[through].types.get(parts["field"], "") if through in self.related else ""

    def _group(self, through: Through, found: Related) -> Group:
        heading = _("%(table)s, through %(field)s") % {"table": through[1], "field": through[0]}
        values = [value_of({"through": through[0], "to": through[1], "field": name}) for name in found.types]
        return heading, [(value, self.label(value)) for value in values]


def choices_of(table: Table | None) -> Choices:
    """Return the choices that segments of `table` have."""
    if table is None:
        return Choices()
    return Choices(dict(table.fields.values_list("name", "pg_type")), related_fields(table))


def value_of(condition: Condition | Mapping[str, str]) -> str:
    """Return the value under which a condition's field is chosen."""
    if not condition.get("through"):
        return condition["field"]
    return json.dumps([condition["through"], condition["to"], condition["field"]], ensure_ascii=False)


def _names(value: str) -> list[str] | None:
    try:
        names = json.loads(value)
    except (ValueError, RecursionError):
        return None
    is_reference = isinstance(names, list) and len(names) == 3 and all(isinstance(name, str) and name for name in names)
    return names if is_reference else None
