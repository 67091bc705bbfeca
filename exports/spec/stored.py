"""Exports that there are, as specs."""

from dataclasses import replace

from django.utils.translation import gettext as _

from exports.models import Export
from exports.schedules.planning import stored_rule
from exports.spec.catalogue import Catalogue
from exports.spec.problems import Code, Problem
from exports.spec.resolved import Resolved
from exports.spec.schedule import schedule_of
from exports.spec.spec import Column, ExportSpec
from segments.models import Table


def spec_of(export: Export) -> ExportSpec:
    """Return all that is stored of `export`, with fields that were chosen once of tables that it does not send now."""
    segments = export.export_segments.select_related("segment") if export.pk else []
    tables = export.export_tables.select_related("table") if export.pk else []
    return ExportSpec(
        name=export.name,
        description=export.description,
        kind=export.kind,
        connection=export.connection.name if export.connection else None,
        settings=export.settings,
        segments=tuple(entry.segment.name for entry in segments),
        tables=tuple(entry.table.name for entry in tables),
        fields=_fields(export),
        schedule=schedule_of(export.schedule_mode, stored_rule(export)),
        refreshes_segments=export.refreshes_segments,
        tolerance=export.tolerance,
        most_removals=export.most_removals,
        sends_nothing=export.sends_nothing,
    )


def sent_spec(export: Export, catalogue: Catalogue) -> tuple[ExportSpec, list[Problem]]:
    """Return what `export` sends now, and what of it was left out since it is gone."""
    spec = spec_of(export)
    resolved = Resolved(spec, catalogue, export)
    form = resolved.settings_form
    settings = {name: value for name, value in spec.settings.items() if form is None or name in form.fields}
    fields = resolved.sent_fields
    gone = [
        Problem(("fields", table), Code.UNKNOWN, _left_out(table, column))
        for table, columns in fields.items()
        for column in spec.fields[table]
        if column not in columns
    ]
    is_detached = export.connection_id is None
    return replace(spec, settings=settings, fields=fields, is_detached=is_detached), gone


def _left_out(table: str, column: Column) -> str:
    text = _("“%(table)s” no longer has the field “%(field)s”: it is left out.")
    return text % {"table": table, "field": column.field}


def _fields(export: Export) -> dict[str, tuple[Column, ...]]:
    chosen = {int(key): value for key, value in export.field_selection.items() if key.isdigit()}
    tables = Table.objects.filter(environment=export.environment_id).in_bulk(chosen) if chosen else {}
    return {
        tables[key].name: tuple(Column(entry["field"], entry["name"]) for entry in entries)
        for key, entries in chosen.items()
        if key in tables
    }
