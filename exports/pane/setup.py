"""The state of the pane: the spec that is filled in, with its errors beside their fields."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from connections.destinations.base import Destination, SettingsForm
from connections.models import Connection
from exports.models import Export, ExportKind, ScheduleMode
from exports.pane.field_list import FieldList, field_list
from exports.pane.form import BRAKES, ExportForm, put_beside
from exports.pane.last_fields import last_export, take_fields
from exports.pane.submission import SETTINGS, Submission
from exports.schedules.form import OFF, ON, ScheduleForm, field_values, typed_values
from exports.spec.catalogue import Catalogue
from exports.spec.check import Checked, check_resolved, too_many
from exports.spec.problems import Problem
from exports.spec.resolved import Resolved
from exports.spec.schedule import FORM_NAMES, recurrence_of
from exports.spec.settings import form_for
from exports.spec.spec import ExportSpec
from exports.spec.stored import spec_of
from roles.access.policy import Access
from roles.typed import typed_id
from segments.models import Segment, Table


@dataclass
class Setup:
    """The state of the pane. `data` is what the browser sent, None when the pane opens."""

    export: Export
    access: Access
    data: QueryDict | None = None
    is_draft: bool = False  # what was typed is shown again, not judged
    filled: ExportSpec | None = None  # what a new export is filled in with
    first_segments: Sequence[int] = ()  # ids: what a new one opens with, where they are offered
    has_lists: bool = True  # False: the check lists are not drawn, so that only what was sent is looked up
    problems: list[Problem] = field(init=False, default_factory=list)  # that the spec was found to have
    kind_error: str = field(init=False, default="")
    choice_error: str = field(init=False, default="")
    settings_error: str = field(init=False, default="")  # of several settings together

    def __post_init__(self) -> None:
        self.can_edit = self.export.pk is None or self.export.is_editable_by(self.access)
        self.catalogue = Catalogue(self.access.environment, self.access, self._segment_ids())
        self.base = self.filled or spec_of(self.export)
        if self.first_segments and self.filled is None and self.export.pk is None:
            names = {segment.pk: name for name, segment in self.catalogue.segments.items()}
            first = tuple(names[key] for key in self.first_segments if key in names)
            self.base = replace(self.base, segments=first)
        self.submission = Submission(self.data, self.base, self.catalogue) if self.data is not None else None
        self.resolved = self._resolved()
        self.field_lists = self._field_lists()
        self.form = ExportForm(self._typed(), self.catalogue.connections.values())
        self.schedule = ScheduleForm(initial=self._typed_schedule())
        self.settings_form = self._settings_form()
        if not self.can_edit:
            self._show_only_what_is_chosen()

    @cached_property
    def connection(self) -> Connection | None:
        """The connection chosen in the pane."""
        if self.submission is None and self.export.pk:
            return self.export.connection
        name = self.submission.connection if self.submission else self.base.connection
        return self.catalogue.connections.get(name or "")

    @property
    def destination(self) -> type[Destination] | None:
        """The connection type chosen in the pane; None without a connection or for a type that is gone."""
        return self.connection.destination_class if self.connection and self.connection.is_type_known else None

    @property
    def offers_tables(self) -> bool:
        """Whether whole tables may be chosen instead of segments: unless the connection type takes none."""
        return self.destination is None or self.destination.takes_tables

    @property
    def removes_members(self) -> bool:
        """Whether runs on the chosen connection remove profiles from the target."""
        return self.destination is not None and self.destination.removes_members

    @property
    def brake_errors(self) -> list[tuple[str, str, str]]:
        """What is wrong with the brakes, whose section is open then."""
        return _form_errors(self.form, BRAKES)

    @property
    def is_of_segments(self) -> bool:
        """Whether fields of segments go, not whole tables."""
        return self.kind == ExportKind.SEGMENTS

    @property
    def typed_kind(self) -> str:
        """The kind as chosen, also while the connection type has only the other one."""
        return self.submission.kind if self.submission else self.base.kind

    @property
    def kind(self) -> str:
        """The kind that is shown: segments where the connection type takes no tables."""
        is_of_tables = self.typed_kind == ExportKind.DATA_OUT and self.offers_tables
        return ExportKind.DATA_OUT if is_of_tables else ExportKind.SEGMENTS

    @property
    def unsaved_inputs(self) -> list[tuple[str, str]]:
        """What was chosen under the other kind, as (name, value) of inputs; never saved."""
        return self.submission.unsaved_inputs(self.kind) if self.submission else []

    @property
    def segments(self) -> list[Segment]:
        """The chosen segments, in the order of choosing: of a data-out export those whose member lists go."""
        return self.resolved.segments

    @property
    def tables(self) -> list[Table]:
        """The chosen tables, in the order of choosing."""
        return self.resolved.tables

    @property
    def offered_segments(self) -> list[Segment]:
        """All segments to choose from, the chosen ones first."""
        return _chosen_first(self.segments, self.catalogue.segments, offers_others=self.can_edit)

    @property
    def offered_tables(self) -> list[Table]:
        """All tables to choose from, the chosen ones first."""
        return _chosen_first(self.tables, self.catalogue.tables, offers_others=self.can_edit)

    @property
    def total_warning(self) -> str:
        """Say that too much is chosen, by number or by the target's limit; "" when it is not."""
        total = self.resolved.eligibility.total_warning(self.segments) if self.is_of_segments else ""
        return too_many(self.resolved.spec) or total

    def check(self) -> Checked:
        """Check the spec, and put each error beside the part that it is about."""
        fields = {one.table.name: one.columns for one in self.field_lists}
        kind = self.kind if self.typed_kind in ExportKind.values else self.typed_kind
        found = self.submission.problems if self.submission else []
        checked = check_resolved(self.resolved.changed(fields=fields, kind=kind), found)
        self.problems = checked.errors
        self._take(self.problems)
        return checked

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """All that is wrong, in the order of the screen, as (id to go to, what it is about, what to do)."""
        found = _form_errors(self.form, ("connection", "name", "description"))
        found += _form_errors(self.settings_form, self.settings_form.fields) if self.settings_form else []
        if self.destination and self.settings_error:
            found.append(("export-settings", str(self.destination.label), self.settings_error))
        found += [("id_kind_field", _("What to export"), self.kind_error)] if self.kind_error else []
        if self.choice_error:
            place = ("id_segments", _("Segments")) if self.is_of_segments else ("id_tables", _("Tables"))
            found.append((*place, self.choice_error))
        for fields in self.field_lists:
            label = _("Fields of %(table)s") % {"table": fields.table.name}
            found += [(f"fields-{fields.table.pk}", label, fields.error)] if fields.error else []
            found += [(f"column-{row.key}", row.name, row.error) for row in fields.rows if row.error]
        return (
            found
            + _form_errors(self.schedule, self.schedule.fields)
            + _form_errors(self.form, ("refreshes_segments",))
            + self.brake_errors
        )

    @property
    def fields_signature(self) -> str:
        """The same while the field lists that are drawn already are still the right ones."""
        return " ".join(fields.signature for fields in self.field_lists)

    @cached_property
    def fields_from(self) -> Export | None:
        """The export whose fields can be taken over: the last one on the connection."""
        if not (self.can_edit and self.connection and self.field_lists):
            return None
        return last_export(self.export, self.connection.pk, self.field_lists)

    def take_fields(self) -> bool:
        """Take the fields over from that export; whether there is one."""
        if self.fields_from:
            take_fields(self.field_lists, self.fields_from)
        return self.fields_from is not None

    def move_field(self, instruction: str) -> None:
        """Carry out the pressed button "TABLE:WAY:FIELD"."""
        table, _colon, rest = instruction.partition(":")
        way, _colon, name = rest.partition(":")
        for fields in self.field_lists:
            if str(fields.table.pk) == table:
                fields.move(name, way)

    def _segment_ids(self) -> set[int] | None:
        """The ids of the segments that were sent, None where all are needed."""
        if self.has_lists or self.data is None:
            return None
        return {typed_id(text) for name in ("segments", "members") for text in self.data.getlist(name)}

    def _field_lists(self) -> list[FieldList]:
        """Of a table that the export has not sent so far no field is chosen, unless nobody was asked for them."""
        chosen = dict(self.resolved.spec.fields)
        is_new = self.export.pk is None and self.filled is None
        before = () if is_new else self.base.segments
        sent = {segment.table_id for name, segment in self.catalogue.segments.items() if name in before}
        self.unasked = [] if self.data is None or self.is_draft else self._without_inputs(sent)
        sent |= set(self.unasked)
        return [
            field_list(one, chosen.get(one.table.name, None if one.table.pk in sent else ()), self.submission)
            for one in self.resolved.field_sources.all
        ]

    def _without_inputs(self, sent: set[int]) -> list[int]:
        """The tables, other than those `sent` so far, whose fields a program names none of. The pane asks for them."""
        if self.data is None or "fields_shown" in self.data:
            return []
        tables = {one.table.pk for one in self.resolved.field_sources.all} - sent
        return [key for key in tables if f"order-{key}" not in self.data]

    def ask_for_fields(self) -> None:
        """Show fields that nobody was asked for as not chosen, when the pane is shown again in place of a save."""
        for fields in self.field_lists:
            if fields.table.pk in self.unasked:
                fields.choose(())

    def _resolved(self) -> Resolved:
        """The spec as it is filled in now."""
        if self.submission:
            spec = self.submission.spec(self.kind, self.destination)
        elif self.base.kind == self.kind:
            spec = self.base
        else:  # what was chosen is nothing that the type takes
            spec = replace(self.base, kind=self.kind, segments=(), tables=())
        resolved = Resolved(spec, self.catalogue, self.export if self.export.pk else None)
        resolved.connection = self.connection  # shown also to those who may not use it
        return resolved

    def _typed(self) -> dict[str, Any]:
        """What stands in the fields of the form."""
        if self.data is not None:
            typed = {name: self.data.get(name, "") for name in ExportForm.Meta.fields}
            return typed | {name: getattr(self.resolved.spec, name) for name in BRAKES}
        values = {name: getattr(self.base, name) for name in ExportForm.Meta.fields}
        return values | {"connection": self.connection.pk if self.connection else None}

    def _typed_schedule(self) -> dict[str, Any]:
        if self.data is not None:
            return typed_values(ScheduleForm, self.data)
        schedule, zone = self.base.schedule, self.access.environment.time_zone
        switch = OFF if schedule.mode == ScheduleMode.OFF else ON
        return field_values(recurrence_of(schedule), zone) | {"schedule_mode": switch}

    def _settings_form(self) -> SettingsForm | None:
        if self.destination is None:
            return None
        values = dict(self.resolved.spec.settings)
        return form_for(self.destination, values)(stored=values, prefix=SETTINGS)

    def _show_only_what_is_chosen(self) -> None:
        """Show only what was chosen, to users who may only view."""
        for fields in self.field_lists:
            fields.rows = fields.included
        for form in (self.form, self.settings_form):
            for bound in form.fields.values() if form else ():
                bound.disabled = True

    def _take(self, problems: Sequence[Problem]) -> None:
        """Put errors beside the parts that they are about."""
        own, settings, schedule = _Texts(), _Texts(), _Texts()
        for problem in problems:
            match problem.path:
                case ("settings", str(name), *_rest):
                    settings[name].append(problem.message)
                case ("schedule", str(name), *_rest):
                    schedule[FORM_NAMES.get(name, name)].append(problem.message)
                case ("segments" | "tables", *_rest):
                    self.choice_error = self.choice_error or problem.message
                case ("kind",):
                    self.kind_error = problem.message
                case (str(name),) if name in self.form.fields:
                    own[name].append(problem.message)
                case ("settings",):
                    self.settings_error = problem.message
        put_beside(self.form, own)
        put_beside(self.schedule, schedule)
        if self.settings_form:
            put_beside(self.settings_form, settings)
        for fields in self.field_lists:
            fields.take(problems)


class _Texts(defaultdict[str, list[str]]):
    """Sentences by name."""

    def __init__(self) -> None:
        super().__init__(list)


def _chosen_first(chosen: list[Any], offered: Mapping[str, Any], *, offers_others: bool) -> list[Any]:
    keys = {one.pk for one in chosen}
    others = [one for one in offered.values() if one.pk not in keys]
    return [*chosen, *others] if offers_others else chosen


def _form_errors(form: forms.BaseForm, names: Iterable[str]) -> list[tuple[str, str, str]]:
    """What stands beside some fields of a form."""
    bound = [form[name] for name in names]
    return [(field.id_for_label, str(field.label), str(text)) for field in bound for text in field.errors]
