"""A spec with the rows that its names mean."""

import copy
from dataclasses import replace
from functools import cached_property
from typing import Any

from connections.destinations.base import Destination, SettingsForm
from connections.models import Connection
from exports.models import Export
from exports.spec import settings
from exports.spec.catalogue import Catalogue
from exports.spec.eligibility import Eligibility
from exports.spec.field_sources import FieldSources
from exports.spec.spec import Column, ExportSpec
from segments.models import Segment, Table


class Resolved:
    """What the names of `spec` mean in the environment of `catalogue`; those that mean nothing are left out.

    `export` is the one that the spec is about; None for a new one.
    """

    def __init__(self, spec: ExportSpec, catalogue: Catalogue, export: Export | None = None) -> None:
        self.spec, self.catalogue, self.export = spec, catalogue, export

    @cached_property
    def connection(self) -> Connection | None:
        """The connection, of those that may be used."""
        return self.catalogue.connections.get(self.spec.connection or "")

    @cached_property
    def destination(self) -> type[Destination] | None:
        """The connection's type; None without a connection, and for a type whose package is gone."""
        return self.connection.destination_class if self.connection and self.connection.is_type_known else None

    @cached_property
    def settings_form(self) -> SettingsForm | None:
        """The type's own form, with what it says of the settings."""
        stored = self.export.settings if self.export else None
        return settings.judged_form(self.destination, self.spec.settings, stored) if self.destination else None

    @cached_property
    def eligibility(self) -> Eligibility:
        """Which segments fit, with the settings that are right."""
        valid = dict(self.settings_form.cleaned_data) if self.settings_form else {}
        return Eligibility(self.destination, valid)

    @cached_property
    def segments(self) -> list[Segment]:
        """The segments that are named, each once."""
        known = self.catalogue.segments
        return [known[name] for name in dict.fromkeys(self.spec.segments) if name in known]

    @cached_property
    def tables(self) -> list[Table]:
        """The tables that are named, each once."""
        known = self.catalogue.tables
        return [known[name] for name in dict.fromkeys(self.spec.tables) if name in known]

    @cached_property
    def field_sources(self) -> FieldSources:
        """Whose fields go out."""
        return FieldSources(self.segments if self.spec.is_of_segments else [], self.eligibility)

    @property
    def sent_fields(self) -> dict[str, tuple[Column, ...]]:
        """The fields that are chosen of tables whose fields go out, without those that a table no longer has."""
        found = {}
        for source in self.field_sources.all:
            names = {field.name for field in source.fields}
            columns = self.spec.fields.get(source.table.name)
            if columns is not None:
                found[source.table.name] = tuple(one for one in columns if one.field in names)
        return found

    @property
    def is_complete(self) -> bool:
        """Whether every name means something."""
        spec = self.spec
        found = {*(one.name for one in self.segments)}, {*(one.name for one in self.tables)}
        tables = self.catalogue.tables
        return (
            bool(self.connection) == bool(spec.connection)
            and found == (set(spec.segments), set(spec.tables))
            and all(name in tables for name in spec.fields)
        )

    def field_selection(self, before: dict[str, Any]) -> dict[str, Any]:
        """Return the fields as Export.field_selection keeps them; those chosen `before` of other tables stay."""
        if not self.spec.is_of_segments:
            return {}
        sent = {str(source.table.pk) for source in self.field_sources.all}
        chosen = {
            str(self.catalogue.tables[table].pk): [{"field": one.field, "name": one.name} for one in columns]
            for table, columns in self.spec.fields.items()
        }
        return {key: value for key, value in before.items() if key not in sent} | chosen

    def changed(self, **values: Any) -> "Resolved":
        """Return the same rows with other values of the spec that name none of them."""
        other = copy.copy(self)
        other.spec = replace(self.spec, **values)
        return other
