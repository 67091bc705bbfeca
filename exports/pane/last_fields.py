"""The fields of the last export on the same connection, which a new one can take over."""

from collections.abc import Iterable

from exports.models import Export, ExportKind
from exports.pane.field_list import FieldList
from exports.spec.spec import Column


def last_export(export: Export, connection_id: int, lists: Iterable[FieldList]) -> Export | None:
    """Return the export on the connection, other than `export`, that was changed last and sends one of the tables."""
    tables = [one.table.pk for one in lists]
    others = Export.objects.filter(
        environment=export.environment, connection=connection_id, kind=ExportKind.SEGMENTS, segments__table__in=tables
    )
    return others.exclude(pk=export.pk).order_by("-updated_at", "-pk").first()


def take_fields(lists: Iterable[FieldList], source: Export) -> None:
    """Choose in each list the fields that `source` sends of its table; lists of other tables stay."""
    whole = set(source.segments.values_list("table", flat=True))
    for fields in lists:
        chosen = source.field_selection.get(str(fields.table.pk))
        if chosen is not None:
            fields.choose([Column(one["field"], one["name"]) for one in chosen])
        elif fields.table.pk in whole:
            fields.choose([Column(row.name, row.name) for row in sorted(fields.rows, key=lambda row: row.place)])
