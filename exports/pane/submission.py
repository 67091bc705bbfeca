"""Reads what the browser sent from the pane as a spec. Checks nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from connections.destinations.base import Destination
from exports.models import ExportKind, ScheduleMode
from exports.schedules.form import OFF, ON, REFRESH
from exports.spec.catalogue import Catalogue
from exports.spec.columns import cleaned
from exports.spec.problems import Code, Problem
from exports.spec.settings import form_for
from exports.spec.spec import Column, ExportSpec, Number, ScheduleSpec
from roles.typed import typed_id

SETTINGS = "settings"  # what the names of the type's own fields begin with
# The inputs of each kind, which the pane keeps while the other kind is shown; a field list's end in its table's id.
INPUTS = {ExportKind.SEGMENTS: ("segments",), ExportKind.DATA_OUT: ("tables", "members")}
FIELD_INPUTS = ("order-", "include-", "column-")


@dataclass
class Submission:
    """What was sent, over `base`, the spec that the pane opened with; ids that are not offered are left out."""

    data: QueryDict
    base: ExportSpec
    catalogue: Catalogue
    problems: list[Problem] = field(init=False)  # of what cannot be said by a spec

    def __post_init__(self) -> None:
        by_id = {str(one.pk): one.name for one in self.catalogue.connections.values()}
        self.connection = by_id.get(str(typed_id(self.data.get("connection"))))
        self.problems = list(self._unknown_connection())
        names = {kind: dict(self._named(kind)) for kind in ("segments", "members", "tables")}
        self.chosen = {kind: tuple(dict.fromkeys(found.values())) for kind, found in names.items()}

    @property
    def kind(self) -> str:
        """The kind as chosen; the first one where none is."""
        return self.data.get("kind", self.base.kind) or ExportKind.SEGMENTS

    def spec(self, kind: str, destination: type[Destination] | None) -> ExportSpec:
        """Return the spec, with what is chosen under `kind`."""
        is_of_segments = kind == ExportKind.SEGMENTS
        return replace(
            self.base,
            name=self.data.get("name", ""),
            description=self.data.get("description", ""),
            kind=kind,
            connection=self.connection,
            is_detached=False,
            settings=self.settings(destination) if destination else {},
            segments=self.chosen["segments" if is_of_segments else "members"],
            tables=() if is_of_segments else self.chosen["tables"],
            fields=dict(self.base.fields) | dict(self._fields()),
            schedule=self._schedule(),
            refreshes_segments=_is_on(self.data, "refreshes_segments"),
            tolerance=self._typed("tolerance", self.base.tolerance),
            most_removals=self._typed("most_removals", self.base.most_removals),
            sends_nothing=_is_on(self.data, "sends_nothing"),
        )

    def settings(self, destination: type[Destination]) -> dict[str, Any]:
        """The settings as typed; what was not shown stays. A box that is off is sent by what is beside it."""
        typed = {name: self.data[f"{SETTINGS}-{name}"] for name in ("format",) if f"{SETTINGS}-{name}" in self.data}
        form = form_for(destination, dict(self.base.settings) | typed)(prefix=SETTINGS)
        keys = {name: form.add_prefix(name) for name in form.fields}
        was_sent = any(key in self.data for key in keys.values())
        widgets = {name: one.widget for name, one in form.fields.items()}
        sent = {
            name: widgets[name].value_from_datadict(self.data, MultiValueDict(), key)
            for name, key in keys.items()
            if key in self.data or (was_sent and isinstance(widgets[name], forms.CheckboxInput))
        }
        return {name: value for name, value in self.base.settings.items() if name in keys} | sent

    def order(self, table_id: int) -> list[str]:
        """The fields of a table in the order sent, those that are not included among them."""
        return self.data.getlist(f"order-{table_id}")

    def names(self, table_id: int) -> dict[str, str]:
        """The names in the file, by field, of all that was sent."""
        return {one.field: one.name for one in cleaned(self._columns(table_id))}

    def unsaved_inputs(self, kind: str) -> list[tuple[str, str]]:
        """What was chosen under the other kind, as (name, value) of inputs; never saved."""
        is_of_segments = kind == ExportKind.SEGMENTS
        other = ExportKind.DATA_OUT if is_of_segments else ExportKind.SEGMENTS
        prefixes = () if is_of_segments else FIELD_INPUTS
        names = [name for name in self.data if name in INPUTS[other] or name.startswith(prefixes)]
        return [(name, value) for name in names for value in self.data.getlist(name)]

    def _unknown_connection(self) -> Iterator[Problem]:
        if self.data.get("connection") and self.connection is None:
            yield Problem(("connection",), Code.UNKNOWN, _("You cannot use that connection. Choose one from the list."))

    def _named(self, what: str) -> Iterator[tuple[int, str]]:
        rows = self.catalogue.tables if what == "tables" else self.catalogue.segments
        by_id = {one.pk: one.name for one in rows.values()}
        for text in self.data.getlist(what):
            if (key := typed_id(text)) in by_id:
                yield key, by_id[key]

    def _fields(self) -> Iterator[tuple[str, tuple[Column, ...]]]:
        for table in self.catalogue.tables.values():
            if f"order-{table.pk}" in self.data:
                included = set(self.data.getlist(f"include-{table.pk}"))
                columns = {one.field: one for one in self._columns(table.pk)}.values()
                yield table.name, cleaned([one for one in columns if one.field in included])

    def _columns(self, table_id: int) -> list[Column]:
        """The columns that were sent of a table. A field without a name keeps its own."""
        order, names = self.order(table_id), self.data.getlist(f"column-{table_id}")
        return [Column(*pair) for pair in zip(order, [*names, *order[len(names) :]], strict=False)]

    def _schedule(self) -> ScheduleSpec:
        switch, repeat = self.data.get("schedule_mode", ""), self.data.get("repeat", "") or REFRESH
        modes = {ON: ScheduleMode.REFRESH if repeat == REFRESH else ScheduleMode.OWN, OFF: ScheduleMode.OFF}
        return ScheduleSpec(
            mode=modes.get(switch, f"no {switch}" if switch else ""),
            repeat="" if repeat == REFRESH else repeat,
            minute=self.data.get("minute", ""),
            times=tuple(self.data.getlist("time")[-1:]),
            weekdays=tuple(self.data.getlist("weekdays")),
            month_day=self.data.get("month_day", ""),
            cron=self.data.get("cron", ""),
            zone=self.data.get("zone", ""),
        )

    def _typed(self, name: str, stays: Number) -> Number:
        return self.data.get(name, "") if name in self.data else stays


def _is_on(data: QueryDict, name: str) -> bool:
    return bool(forms.CheckboxInput().value_from_datadict(data, MultiValueDict(), name))
