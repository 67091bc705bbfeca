"""Whose fields an export of segments offers: those of each profile table, or of the contacts that accounts project."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import prefetch_related_objects

from exports.spec.eligibility import Eligibility
from segments.models import Field, Relationship, Segment, Table
from segments.projection import contacts_of


@dataclass
class FieldSource:
    """A table and those of its fields that can be included, in the table's order."""

    table: Table
    fields: list[Field]


class FieldSources:
    """The sources of the chosen segments, one for each table; its queries do not grow with the segments.

    A projected account segment sends fields of the accounts and those of the contact table that it projects. All of
    that table's are offered where a segment of contacts is chosen too, since a table is shown once.
    """

    def __init__(self, chosen: Sequence[Segment], eligibility: Eligibility) -> None:
        self.projected = {segment.pk for segment in chosen if eligibility.is_projected(segment)}
        accounts = {one.table_id: one.table for one in chosen if one.pk in self.projected}
        self._contacts: dict[int, Relationship] = contacts_of(accounts.values()) if accounts else {}
        tables = {table.pk: table for one in chosen for table in self.tables_of(one)}
        prefetch_related_objects(list(tables.values()), "fields")
        self.all = [FieldSource(table, self._fields(table, chosen)) for table in tables.values()]

    def tables_of(self, segment: Segment) -> list[Table]:
        """The tables whose fields `segment` sends, its own first."""
        contact = self.contact_table_of(segment)
        return [segment.table, contact] if contact else [segment.table]

    def contact_table_of(self, segment: Segment) -> Table | None:
        """The table of the contacts that go out in the place of accounts, None where none do or none is related."""
        contact = self._contacts.get(segment.table_id) if segment.pk in self.projected else None
        return contact.table if contact else None

    def _fields(self, table: Table, chosen: Sequence[Segment]) -> list[Field]:
        fields = list(table.fields.all())
        if any(segment.table_id == table.pk for segment in chosen):
            return fields
        names = {name for segment in chosen if segment.pk in self.projected for name in segment.projected_fields}
        return [one for one in fields if one.name in names]
