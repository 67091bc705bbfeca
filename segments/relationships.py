"""Which tables refer to which: the relationships that people set, and those that field names suggest."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from psycopg import sql

from roles.audit import audit
from roles.audit.gone import locked
from roles.kinds import ProfileKind
from roles.models import User
from segments.models import Field, Relationship, Segment, Table
from segments.rules import Condition, Related, Through, through_of
from segments.types import are_comparable


class NotRelatedError(Exception):
    """Two fields cannot be related; the text says why and what to do."""


def relationships_of(tables: Iterable[Table]) -> list[Relationship]:
    """Return the unbroken relationships that lead from these tables, in one query."""
    found = Relationship.objects.described().filter(table__in=list(tables))
    return [relationship for relationship in found if not relationship.problem]


def related_fields(table: Table) -> dict[Through, Related]:
    """Return the tables that rows of `table` refer to, as conditions see them."""
    leads = relationships_of([table])
    types: dict[int, dict[str, str]] = {}
    for field in Field.objects.filter(table__in={lead.to_table_id for lead in leads}):
        types.setdefault(field.table_id, {})[field.name] = field.pg_type
    return {
        (lead.field_name, lead.to_table.name): Related(
            sql.Identifier(table.environment.warehouse_schema, lead.to_table.name),
            lead.to_field_name,
            types[lead.to_table_id],
        )
        for lead in leads
    }


def related_names(conditions: Iterable[Condition]) -> set[str]:
    """Return the names of the other tables that these conditions read."""
    return {through[1] for one in conditions if (through := through_of(one))}


def single_keys(table: Table) -> list[Field]:
    """Return the keys of the environment's tables that have just one, each with its table, by the tables' names."""
    keys = Field.objects.filter(table__environment=table.environment_id, is_key=True)
    by_table: dict[int, list[Field]] = {}
    for key in keys.select_related("table").order_by("table__name", "position"):
        by_table.setdefault(key.table_id, []).append(key)
    return [found[0] for found in by_table.values() if len(found) == 1]


def suggested(table: Table) -> list[Relationship]:
    """Return unsaved relationships whose field has the name and type of another table's key and no relationship."""
    fields = {field.name: field for field in table.fields.all()}
    own_keys = [field.name for field in fields.values() if field.is_key]
    known = set(table.relationships.values_list("field_name", "to_table"))
    return [
        Relationship(table=table, field_name=key.name, to_table=key.table, to_field_name=key.name)
        for key in single_keys(table)
        if key.table_id != table.pk
        and key.name in fields
        and own_keys != [key.name]
        and are_comparable(fields[key.name].pg_type, key.pg_type)
        and (key.name, key.table_id) not in known
    ]


def used_by(relationship: Relationship) -> list[Segment]:
    """Return the segments whose conditions lead through it, or that project from its contact table."""
    through = [{"through": relationship.field_name, "to": relationship.to_table.name}]
    asking = Q(table=relationship.table_id, conditions__contains=through)
    if relationship.table.profile_kind == ProfileKind.CONTACT:
        asking |= Q(table=relationship.to_table_id) & ~Q(projected_fields=[])
    return list(Segment.objects.filter(asking))


def relate(field: Field, key: Field, *, by: User | None) -> Relationship:
    """Relate rows of `field`'s table to rows of `key`'s, its table's only key. Raises NotRelatedError."""
    table, to_table = field.table, key.table
    if table.environment_id != to_table.environment_id or field.pk == key.pk:
        raise NotRelatedError(_("Choose the key of another table."))
    if list(to_table.fields.filter(is_key=True)) != [key]:
        raise NotRelatedError(_("“%(field)s” is not the only key of its table. Choose another one.") % {"field": key})
    if not are_comparable(field.pg_type, key.pg_type):
        details = {"field": field, "type": field.pg_type, "key": f"{to_table}.{key}", "other": key.pg_type}
        text = _("%(field)s (%(type)s) cannot be compared with %(key)s (%(other)s). Choose another one.")
        raise NotRelatedError(text % details)
    try:
        with transaction.atomic():
            relationship = Relationship.objects.create(
                table=table, field_name=field.name, to_table=to_table, to_field_name=key.name
            )
            _record("add relationship", relationship, by)
    except IntegrityError:
        text = _("%(field)s is already linked to %(table)s.")
        raise NotRelatedError(text % {"field": field, "table": to_table}) from None
    return relationship


@transaction.atomic
def unrelate(relationship: Relationship, *, by: User | None) -> None:
    """Remove a relationship; segments that use it say so at their next refresh. Raises AlreadyGoneError."""
    locked(Relationship.objects.all(), relationship)
    _record("remove relationship", relationship, by)
    relationship.delete()


def _record(action: str, relationship: Relationship, by: User | None) -> None:
    changes = {"relationship": [None, str(relationship)] if action.startswith("add") else [str(relationship), None]}
    audit.record(relationship.table.environment, action, relationship.table, by=by, changes=changes)
