"""All that the pane shows and keeps."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from connections.destinations.base import Destination, SettingsForm
from connections.models import Connection
from exports.models import Export, ExportKind
from exports.pane.choice import Choice, choose
from exports.pane.field_list import FieldList, field_list
from exports.pane.field_source import FieldSources
from exports.pane.fitting import Fitting
from exports.pane.form import BRAKES, ExportForm
from exports.pane.settings import settings_form, settings_of
from exports.schedules.form import ScheduleForm, filled_in, typed_values
from roles.access.policy import Access
from roles.typed import typed_id
from segments.models import Segment, Table

MOST_ITEMS = 50
# The inputs of each kind, which the pane keeps while the other kind is shown; a field list's end in its table's id.
INPUTS = {ExportKind.SEGMENTS: ("segments",), ExportKind.DATA_OUT: ("tables", "members")}
FIELD_INPUTS = ("order-", "include-", "column-")


@dataclass
class Setup:
    """All that the pane shows and keeps; `data` is what the browser sent, None when it only opens."""

    export: Export
    access: Access
    data: QueryDict | None = None
    is_draft: bool = False  # what was typed is shown again, not judged
    source: Export | None = None  # the export that a new one is filled in from
    first_segments: list[int] = field(default_factory=list)  # ids: what a new one opens with, where they are offered
    can_edit: bool = field(init=False)
    form: ExportForm = field(init=False)
    schedule: ScheduleForm = field(init=False)
    settings_form: SettingsForm | None = field(init=False, default=None)
    fitting: Fitting = field(init=False)
    kind: ExportKind = field(init=False)
    segments: Choice[Segment] = field(init=False)
    tables: Choice[Table] = field(init=False)
    members: Choice[Segment] = field(init=False)  # of a data-out export: segments whose member lists go
    field_sources: FieldSources = field(init=False)
    field_lists: list[FieldList] = field(init=False)
    choice_error: str = ""

    def __post_init__(self) -> None:
        self.form = self._export_form()
        self.schedule = self._schedule_form()
        self.can_edit = self.export.pk is None or self.export.is_editable_by(self.access)
        self.settings_form = self._settings_form()
        settings = settings_of(self.settings_form) if self.settings_form else {}
        self.fitting = Fitting(self.destination, settings)
        self.kind = self._kind()
        self._choose()
        self.field_sources = FieldSources(self.segments.chosen if self.is_of_segments else [], self.fitting)
        saved = self.export.field_selection
        self.field_lists = [
            field_list(source, saved.get(str(source.table.pk)), self.data) for source in self.field_sources.all
        ]
        if not self.can_edit:
            self._show_only_what_is_chosen()

    @cached_property
    def connection(self) -> Connection | None:
        """The connection chosen in the pane."""
        if self.data is None:
            return self.export.connection
        chosen = typed_id(self.data.get("connection"))
        return self.form.usable.filter(pk=chosen).first()

    @property
    def destination(self) -> type[Destination] | None:
        """The connection type chosen in the pane; None without a connection or for a type that is gone."""
        try:
            return self.connection.destination_class if self.connection else None
        except KeyError:
            return None

    @property
    def offers_tables(self) -> bool:
        """Tell whether whole tables may be chosen instead of segments: unless the connection type takes none."""
        return self.destination is None or self.destination.takes_tables

    @property
    def removes_members(self) -> bool:
        """Tell whether runs on the chosen connection remove profiles from the target."""
        return self.destination is not None and self.destination.removes_members

    @property
    def brake_errors(self) -> list[tuple[str, str, str]]:
        """What is wrong with the brakes, whose section is open then."""
        return _form_errors(self.form, BRAKES)

    @property
    def is_of_segments(self) -> bool:
        """Tell whether fields of segments go, not whole tables."""
        return self.kind == ExportKind.SEGMENTS

    @property
    def typed_kind(self) -> str:
        """The kind as chosen, also while the connection type has only the other one."""
        saved = self.export.kind if self.data is None else self.data.get("kind", self.export.kind)
        return saved if saved in ExportKind.values else ExportKind.SEGMENTS

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What was chosen under the other kind, as (name, value) of inputs; never saved."""
        if self.data is None:
            return []
        other = ExportKind.DATA_OUT if self.is_of_segments else ExportKind.SEGMENTS
        prefixes = () if self.is_of_segments else FIELD_INPUTS
        names = [name for name in self.data if name in INPUTS[other] or name.startswith(prefixes)]
        return [(name, value) for name in names for value in self.data.getlist(name)]

    @property
    def total_warning(self) -> str:
        """Say that too much is chosen, by number or by the target's limit; "" when it is not."""
        return self._too_many() or (self.fitting.total_warning(self.segments.chosen) if self.is_of_segments else "")

    def is_valid(self) -> bool:
        """Check everything; the errors are kept beside what they are about."""
        is_form_valid = self.form.is_valid() & self.schedule.is_valid()
        self.choice_error = self._choice_error()
        empty = self._without_fields()
        invalid_lists = [one for one in self.field_lists if not one.is_valid(needs_some=one.table.pk in empty)]
        are_settings_valid = self.settings_form is None or self.settings_form.is_valid()
        return is_form_valid and not self.choice_error and not invalid_lists and are_settings_valid

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """All that is wrong, in the order of the screen, as (id to go to, what it is about, what to do)."""
        found = _form_errors(self.form, ("connection", "name", "description"))
        found += _form_errors(self.settings_form, self.settings_form.fields) if self.settings_form else []
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

    def filled_export(self) -> Export:
        """Return the export with what the valid pane holds; nothing is saved yet."""
        export = self.form.save(commit=False)
        export.kind, export.schedule_mode = self.kind, self.schedule.mode
        export.settings = self.settings_form.cleaned_data if self.settings_form else {}
        chosen = {
            str(fields.table.pk): [{"field": row.name, "name": row.column} for row in fields.included]
            for fields in self.field_lists
        }
        export.field_selection = export.field_selection | chosen if self.is_of_segments else {}
        return export

    @property
    def saved_segments(self) -> list[Segment]:
        """The segments to save: of the kind that is shown."""
        return self.segments.chosen if self.is_of_segments else self.members.chosen

    @property
    def saved_tables(self) -> list[Table]:
        """The tables to save: of the kind that is shown."""
        return [] if self.is_of_segments else self.tables.chosen

    def move_field(self, instruction: str) -> None:
        """Carry out the pressed button "TABLE:up:FIELD" or "TABLE:down:FIELD"."""
        table, _colon, rest = instruction.partition(":")
        way, _colon, name = rest.partition(":")
        step = {"up": -1, "down": 1}.get(way, 0)
        for fields in self.field_lists:
            if str(fields.table.pk) == table:
                fields.move(name, step)

    def _choice_error(self) -> str:
        if self.is_of_segments and not self.segments.chosen:
            return _("Choose at least one segment.")
        if not self.is_of_segments and not self.tables.chosen and not self.members.chosen:
            return _("Choose at least one table or member list.")
        return self._too_many() or (self.fitting.refusal(self.segments.chosen) if self.is_of_segments else "")

    def _without_fields(self) -> set[int]:
        """The ids of the tables of chosen segments that would send no field."""
        some = {one.table.pk for one in self.field_lists if one.included}
        tables = {one.table_id: self.field_sources.tables_of(one) for one in self.segments.chosen}
        return {own for own, all_ in tables.items() if not some & {table.pk for table in all_}}

    def _too_many(self) -> str:
        chosen = len(self.saved_segments) + len(self.saved_tables)
        if chosen <= MOST_ITEMS:
            return ""
        what = _("%(count)d segments are chosen") if self.is_of_segments else _("%(count)d tables and lists are chosen")
        return _("%(what)s. Choose at most %(most)d.") % {"what": what % {"count": chosen}, "most": MOST_ITEMS}

    def _kind(self) -> ExportKind:
        """The kind that is shown: segments where the connection type takes no tables."""
        return ExportKind(self.typed_kind) if self.offers_tables else ExportKind.SEGMENTS

    def _choose(self) -> None:
        """Take over what is chosen: as sent, or as the export (or the one it is filled in from) holds it."""
        environment, filled = self.access.environment, self.source or self.export
        # Segments of one table share it, and its fields: what is asked of them costs no query each.
        segments = list(environment.segments.prefetch_related("table__fields").order_by("name"))
        tables = list(environment.tables.order_by("name"))
        saved_segments = list(filled.export_segments.values_list("segment_id", flat=True)) if filled.pk else []
        saved_tables = list(filled.export_tables.values_list("table_id", flat=True)) if filled.pk else []
        is_list = filled.kind == ExportKind.SEGMENTS
        first = saved_segments if filled.pk else self.first_segments
        self.segments = choose("segments", segments, self._ids("segments", first if is_list else []))
        self.members = choose("members", segments, self._ids("members", [] if is_list else saved_segments))
        self.tables = choose("tables", tables, self._ids("tables", saved_tables))

    def _ids(self, name: str, saved: list[int]) -> list[int]:
        return saved if self.data is None else [typed_id(value) for value in self.data.getlist(name)]

    def _show_only_what_is_chosen(self) -> None:
        """For those who may only view: no choices, only what was chosen."""
        for choice in (self.segments, self.tables, self.members):
            choice.offer_only_chosen()
        for fields in self.field_lists:
            fields.rows = fields.included
        for form in (self.form, self.settings_form):
            for bound in form.fields.values() if form else ():
                bound.disabled = True

    def _export_form(self) -> ExportForm:
        if self.data is None or not self.is_draft:
            return ExportForm(self.data, instance=self.export, access=self.access)
        typed = {name: self.data.get(name, "") for name in ExportForm.Meta.fields}
        return ExportForm(initial=typed, instance=self.export, access=self.access)

    def _schedule_form(self) -> ScheduleForm:
        if self.data is None:
            return ScheduleForm(initial=filled_in(self.source or self.export, self.access.environment.time_zone))
        if self.is_draft:
            return ScheduleForm(initial=typed_values(ScheduleForm, self.data))
        return ScheduleForm(self.data)

    def _settings_form(self) -> SettingsForm | None:
        if self.destination is None:
            return None
        return settings_form(self.destination, self.export.settings, self.data, is_draft=self.is_draft)


def _form_errors(form: forms.BaseForm, names: Iterable[str]) -> list[tuple[str, str, str]]:
    """The errors of some fields of a form that was judged."""
    if not form.is_bound:
        return []
    bound = [form[name] for name in names]
    return [(field.id_for_label, str(field.label), str(text)) for field in bound for text in field.errors]
