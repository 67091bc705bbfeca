"""Projected fields of an account segment: which contact fields an export may send, and what they mean.

Beside the fields of the account itself a projected field is called by `projected_name`: its table's name and its own.
"""

from collections.abc import Iterable

from roles.kinds import ProfileKind, SemanticType
from segments.models import Field, Relationship, Segment, Table


def contacts_of(tables: Iterable[Table]) -> dict[int, Relationship]:
    """Return, by account table id, the relationship of the contact table that refers to it, in one query.

    If several do, it is the first by name.
    """
    accounts = [table.pk for table in tables if table.profile_kind == ProfileKind.ACCOUNT]
    found = Relationship.objects.described().filter(to_table__in=accounts, table__profile_kind=ProfileKind.CONTACT)
    whole = [one for one in found.order_by("table__name", "field_name") if not one.problem] if accounts else []
    return {one.to_table_id: one for one in reversed(whole)}


def contact_of(table: Table) -> Relationship | None:
    """Return the relationship of the contact table that refers to this account table, None if there is none."""
    return contacts_of([table]).get(table.pk)


def projected(segment: Segment) -> list[Field]:
    """Return the existing contact fields that the segment projects, in its order."""
    contact = contact_of(segment.table) if segment.projected_fields else None
    if contact is None:
        return []
    fields = {field.name: field for field in contact.table.fields.all()}
    return [fields[name] for name in segment.projected_fields if name in fields]


def projected_name(table: Table, field: str) -> str:
    """Return the column name of a projected field of the contact table."""
    return f"{table.name} › {field}"


def table_names(segment: Segment) -> set[str]:
    """Return the name of the table that the segment projects from, if it does."""
    contact = contact_of(segment.table) if segment.projected_fields else None
    return {contact.table.name} if contact else set()


def semantic_types(segment: Segment) -> set[SemanticType]:
    """Return the meanings of the segment's fields: its own table's and the projected ones."""
    return semantic_types_of([segment])[segment.pk]


def semantic_types_of(segments: Iterable[Segment]) -> dict[int, set[SemanticType]]:
    """Return the meanings of each segment's fields by its id, with two queries for any number."""
    segments = list(segments)
    contacts = contacts_of({one.table_id: one.table for one in segments if one.projected_fields}.values())
    tables = {one.table_id for one in segments} | {one.table_id for one in contacts.values()}
    meanings: dict[int, dict[str, SemanticType]] = {table: {} for table in tables}
    for table, name, meaning in _stated(tables):
        meanings[table][name] = SemanticType(meaning)
    return {
        one.pk: {*meanings[one.table_id].values(), *_projected(one, contacts.get(one.table_id), meanings)}
        for one in segments
    }


def _projected(
    segment: Segment, contact: Relationship | None, meanings: dict[int, dict[str, SemanticType]]
) -> list[SemanticType]:
    known = meanings[contact.table_id] if contact else {}
    return [known[name] for name in segment.projected_fields if name in known]


def _stated(tables: Iterable[int]) -> Iterable[tuple[int, str, str]]:
    stated = Field.objects.filter(table__in=tables).exclude(semantic_type=SemanticType.NONE)
    return stated.order_by().values_list("table", "name", "semantic_type")
