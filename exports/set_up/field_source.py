"""Whose fields an export of segments offers: those of each profile table, or of the contacts that accounts project."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import prefetch_related_objects

from exports.set_up.fitting import Fitting
from segments.models import Field, Relationship, Segment, Table
from segments.projection import contacts_of


@dataclass
class FieldSource:
    """A table and those of its fields that can be included, in the table's order."""

    table: Table
    fields: list[Field]


class FieldSources:
    """The sources of the chosen segments, one for each profile table; its queries do not grow with the segments.

    A projected account segment offers the fields of the contact table that it projects: all of that table's where
    a segment of contacts is chosen too, since a profile table is shown once.
    """

    def __init__(self, chosen: Sequence[Segment], fitting: Fitting) -> None:
        self.projected = {segment.pk for segment in chosen if fitting.is_projected(segment)}
        accounts = {one.table_id: one.table for one in chosen if one.pk in self.projected}
        self._contacts: dict[int, Relationship] = contacts_of(accounts.values()) if accounts else {}
        tables = {table.pk: table for one in chosen if (table := self.table_of(one)) is not None}
        prefetch_related_objects(list(tables.values()), "fields")
        self.all = [FieldSource(table, self._fields(table, chosen)) for table in tables.values()]

    def table_of(self, segment: Segment) -> Table | None:
        """The table whose fields `segment` sends; None for accounts whose contacts are not related any more."""
        if segment.pk not in self.projected:
            return segment.table
        contact = self._contacts.get(segment.table_id)
        return contact.table if contact else None

    def _fields(self, table: Table, chosen: Sequence[Segment]) -> list[Field]:
        senders = [segment for segment in chosen if (found := self.table_of(segment)) and found.pk == table.pk]
        fields = list(table.fields.all())
        if any(segment.pk not in self.projected for segment in senders):
            return fields
        names = {name for segment in senders for name in segment.projected_fields}
        return [one for one in fields if one.name in names]
