"""All that the pane shows and keeps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from connections.destinations.base import Destination, SettingsForm
from connections.models import Connection
from exports.models import Export
from exports.set_up.export_form import ExportForm
from exports.set_up.field_list import FieldList, FieldRow
from exports.set_up.typed import typed_column, typed_id
from roles.access import Access
from segments.models import Segment, Table

MOST_SEGMENTS = 50


@dataclass
class Setup:
    """All that the pane shows and keeps; `data` is what the browser sent, None when it only opens."""

    export: Export
    access: Access
    data: QueryDict | None = None
    is_draft: bool = False  # what was typed is shown again, not judged
    source: Export | None = None  # the export that a new one is filled in from
    can_edit: bool = field(init=False)
    form: ExportForm = field(init=False)
    settings_form: SettingsForm | None = field(init=False, default=None)
    segments: list[Segment] = field(init=False)
    chosen: list[Segment] = field(init=False)
    field_lists: list[FieldList] = field(init=False)
    segments_error: str = ""

    def __post_init__(self) -> None:
        self.form = self._export_form()
        self.can_edit = self.export.pk is None or self.export.is_editable_by(self.access)
        self.segments = list(self.access.environment.segments.select_related("table").order_by("name"))
        self.chosen = self._chosen_segments()
        self.settings_form = self._settings_form()
        self.field_lists = [self._field_list(table) for table in self._tables()]
        if not self.can_edit:
            self._show_only_what_is_chosen()

    @property
    def connection(self) -> Connection | None:
        """The connection chosen in the pane."""
        if self.data is None:
            return self.export.connection
        return (
            self.form["connection"]
            .field.queryset.filter(  # type: ignore[attr-defined]
                pk=typed_id(self.data.get("connection"))
            )
            .first()
        )

    @property
    def destination(self) -> type[Destination] | None:
        """The connection type chosen in the pane; None without a connection or for a type that is gone."""
        try:
            return self.connection.destination_class if self.connection else None
        except KeyError:
            return None

    def why_not(self, segment: Segment) -> str:
        """Say why the chosen connection type does not take `segment`; empty when it does."""
        destination = self.destination
        if destination is None or segment.table.profile_kind in destination.takes:
            return ""
        return _("%(type)s takes no segments of this kind.") % {"type": destination.label}

    @property
    def segment_errors(self) -> list[str]:
        """What is wrong with the choice of segments."""
        return [self.segments_error] if self.segments_error else []

    def is_valid(self) -> bool:
        """Check everything; the errors are kept beside what they are about."""
        is_form_valid = self.form.is_valid()
        if not self.chosen:
            self.segments_error = _("Choose at least one segment.")
        elif len(self.chosen) > MOST_SEGMENTS:
            self.segments_error = _("Choose at most %(most)d segments.") % {"most": MOST_SEGMENTS}
        elif refused := [segment.name for segment in self.chosen if self.why_not(segment)]:
            self.segments_error = _("Not eligible: %(names)s.") % {"names": ", ".join(refused)}
        invalid_lists = [fields for fields in self.field_lists if not fields.is_valid()]
        are_settings_valid = self.settings_form is None or self.settings_form.is_valid()
        return is_form_valid and not self.segments_error and not invalid_lists and are_settings_valid

    @property
    def errors(self) -> list[tuple[str, str, str]]:
        """All that is wrong, in the order of the screen, as (id to go to, what it is about, what to do)."""
        found = _form_errors(self.form, ("connection", "name", "description"))
        found += _form_errors(self.settings_form, self.settings_form.fields) if self.settings_form else []
        found += [("id_segments", _("Segments"), text) for text in self.segment_errors]
        for fields in self.field_lists:
            label = _("Fields of %(table)s") % {"table": fields.table.name}
            found += [(f"fields-{fields.table.pk}", label, fields.error)] if fields.error else []
            found += [(f"column-{row.key}", row.name, row.error) for row in fields.rows if row.error]
        return found + _form_errors(self.form, ("schedule_mode", "refreshes_segments"))

    def filled_export(self) -> Export:
        """Return the export with what the valid pane holds; nothing is saved yet."""
        export = self.form.save(commit=False)
        export.settings = self.settings_form.cleaned_data if self.settings_form else {}
        export.field_selection = export.field_selection | {
            str(fields.table.pk): [{"field": row.name, "name": row.column} for row in fields.included]
            for fields in self.field_lists
        }
        return export

    def move_field(self, instruction: str) -> None:
        """Carry out the pressed button "TABLE:up:FIELD" or "TABLE:down:FIELD"."""
        table, _colon, rest = instruction.partition(":")
        way, _colon, name = rest.partition(":")
        step = {"up": -1, "down": 1}.get(way, 0)
        for fields in self.field_lists:
            if str(fields.table.pk) == table:
                fields.move(name, step)

    def _show_only_what_is_chosen(self) -> None:
        """For those who may only view: no choices, only what was chosen."""
        self.segments = self.chosen
        for fields in self.field_lists:
            fields.rows = fields.included
        for form in (self.form, self.settings_form):
            for bound in form.fields.values() if form else ():
                bound.disabled = True

    def _chosen_segments(self) -> list[Segment]:
        if self.data is None:
            filled = self.source or self.export
            saved = list(filled.export_segments.values_list("segment_id", flat=True)) if filled.pk else []
        else:
            saved = [typed_id(value) for value in self.data.getlist("segments")]
        by_id = {segment.pk: segment for segment in self.segments}
        return [by_id[key] for key in dict.fromkeys(saved) if key in by_id]

    def _export_form(self) -> ExportForm:
        if self.data is None or not self.is_draft:
            return ExportForm(self.data, instance=self.export, access=self.access)
        typed = {name: self.data.get(name, "") for name in ExportForm.Meta.fields}
        return ExportForm(initial=typed, instance=self.export, access=self.access)

    def _settings_form(self) -> SettingsForm | None:
        """The type's own form: as stored until the browser has sent its fields."""
        destination = self.destination
        if destination is None:
            return None
        form = destination.export_form(stored=self.export.settings or None, prefix="settings")
        names = {form.add_prefix(name): name for name in form.fields}
        if self.data is None or not form.fields:
            return form
        typed = {name: self.data.get(key, "") for key, name in names.items() if key in self.data}
        if self.is_draft:
            return destination.export_form(stored=self.export.settings | typed, prefix="settings")
        # Saved before its fields were ever shown: their defaults hold.
        unsent = {key: form.get_initial_for_field(form.fields[name], name) for key, name in names.items()}
        return destination.export_form(self.data if typed else unsent, prefix="settings")

    def _tables(self) -> list[Table]:
        tables = {segment.table.pk: segment.table for segment in self.chosen}
        return sorted(tables.values(), key=lambda table: table.name)

    def _field_list(self, table: Table) -> FieldList:
        keys = {item.name: f"{table.pk}-{item.position}" for item in table.fields.all()}
        order, included, names = self._typed(table) if self._was_sent(table) else self._saved(table)
        everything = list(dict.fromkeys([*(name for name in order if name in keys), *keys]))
        return FieldList(
            table,
            [FieldRow(name, keys[name], names.get(name, name), name in included) for name in everything],
        )

    def _was_sent(self, table: Table) -> bool:
        return self.data is not None and f"order-{table.pk}" in self.data

    def _typed(self, table: Table) -> tuple[list[str], set[str], Mapping[str, str]]:
        """What the browser sent for `table`: order, included fields, names in the file."""
        assert self.data is not None
        order = self.data.getlist(f"order-{table.pk}")
        names = [typed_column(text) for text in self.data.getlist(f"column-{table.pk}")]
        included = set(self.data.getlist(f"include-{table.pk}"))
        return order, included, dict(zip(order, names, strict=False))

    def _saved(self, table: Table) -> tuple[list[str], set[str], Mapping[str, str]]:
        """What the export holds for `table`; all fields in the table's order for one chosen just now."""
        chosen = self.export.field_selection.get(str(table.pk))
        if chosen is None:
            everything = [item.name for item in table.fields.all()]
            return everything, set(everything), {}
        order = [entry["field"] for entry in chosen]
        return order, set(order), {entry["field"]: entry["name"] for entry in chosen}


def _form_errors(form: forms.BaseForm, names: Iterable[str]) -> list[tuple[str, str, str]]:
    """The errors of some fields of a form that was judged."""
    if not form.is_bound:
        return []
    bound = [form[name] for name in names]
    return [(field.id_for_label, str(field.label), str(text)) for field in bound for text in field.errors]
