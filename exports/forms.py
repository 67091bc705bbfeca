"""The Set up export pane: name, connection, segments, fields to include; the type's own settings beside it.

Everything a browser sends is checked again here against what the user may use.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.destinations.base import Destination, SettingsForm
from connections.models import Connection
from exports.models import Export, ScheduleMode
from exports.types import type_look
from roles.access import Access
from roles.validators import one_line, visible_name
from segments.models import Segment, Table

LONGEST_COLUMN = 120
MOST_SEGMENTS = 50


class ExportForm(forms.ModelForm):
    """Name, description, connection and schedule of an export."""

    class Meta:
        model = Export
        fields = ["connection", "name", "description", "schedule_mode", "refreshes_segments"]
        labels = {
            "connection": gettext_lazy("Connection"),
            "name": gettext_lazy("Name"),
            "description": gettext_lazy("Description"),
            "schedule_mode": gettext_lazy("Schedule"),
            "refreshes_segments": gettext_lazy("Refresh the segments before each run"),
        }
        help_texts = {
            "name": gettext_lazy("Also the name of its folder at the target."),
            "refreshes_segments": gettext_lazy(
                "So that the latest members go out. Off: the members of the last refresh."
            ),
        }
        widgets = {
            "description": forms.Textarea(attrs={"rows": 2}),
            "schedule_mode": forms.RadioSelect,
        }

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access = access
        self.instance.environment = access.environment
        connection = self.fields["connection"]
        usable = Connection.objects.usable_by(access).order_by("name")
        connection.queryset = usable  # type: ignore[attr-defined]
        connection.required = True
        connection.choices = _grouped_by_type(list(usable))  # type: ignore[attr-defined]
        connection.error_messages |= {
            "required": _("Choose the connection that the data goes through."),
            "invalid_choice": _("You cannot use that connection. Choose one of the list."),
        }
        self.fields["name"].validators.append(visible_name)
        self.fields["name"].error_messages["required"] = _("Give the export a name.")
        self.fields["schedule_mode"].choices = ScheduleMode.choices  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        """Refuse a name that another export of the environment has, in whatever case."""
        name = " ".join(self.cleaned_data["name"].split())
        same = Export.objects.filter(environment=self.access.environment, name__iexact=name)
        if same.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(_("Another export has this name. Choose a different one."))
        return name


@dataclass
class FieldRow:
    """One field of a profile table in *fields to include*."""

    name: str
    key: str  # stays with the field wherever it is moved: ids are made of it
    column: str
    is_included: bool
    error: str = ""


@dataclass
class FieldList:
    """*Fields to include* of one profile table, in the order of the file."""

    table: Table
    rows: list[FieldRow]
    error: str = ""

    @property
    def included(self) -> list[FieldRow]:
        """Those that go out."""
        return [row for row in self.rows if row.is_included]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """What goes out, as (field, name in the file)."""
        return [(row.name, row.column) for row in self.included]

    def is_valid(self) -> bool:
        """Check names: some field, none empty, none twice; the errors are kept beside the rows."""
        if not self.included:
            self.error = _("Choose at least one field.")
        seen: set[str] = set()
        for row in self.included:
            if not row.column:
                row.error = _("Give the column a name.")
            elif problem := _problem_of_line(row.column):
                row.error = problem
            elif row.column in seen:
                row.error = _("Another column has this name.")
            seen.add(row.column)
        return not self.error and not any(row.error for row in self.rows)

    def move(self, name: str, step: int) -> None:
        """Move field `name` up (-1) or down (1)."""
        place = next((index for index, row in enumerate(self.rows) if row.name == name), None)
        if place is not None and 0 <= place + step < len(self.rows):
            self.rows.insert(place + step, self.rows.pop(place))


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
        names = [_column(text) for text in self.data.getlist(f"column-{table.pk}")]
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


def _grouped_by_type(connections: list[Connection]) -> list[tuple[str, Any]]:
    """The choices of the connection field, under the labels of their types."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for connection in connections:
        groups.setdefault(type_look(connection.type).label, []).append((connection.pk, connection.name))
    return [("", _("Choose a connection")), *sorted(groups.items())]


def _column(text: str) -> str:
    """A column's name as typed: one line, of bounded length."""
    return " ".join(text.replace("\0", "").split())[:LONGEST_COLUMN]


def typed_id(text: str | None) -> int:
    """Return a typed id; 0, which no row has, for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0


def _problem_of_line(text: str) -> str:
    """Say what is wrong with a line of text; empty when nothing is."""
    try:
        one_line(text)
    except forms.ValidationError as error:
        return str(error.message)
    return ""


def _form_errors(form: forms.BaseForm, names: Iterable[str]) -> list[tuple[str, str, str]]:
    """The errors of some fields of a form that was judged."""
    if not form.is_bound:
        return []
    bound = [form[name] for name in names]
    return [(field.id_for_label, str(field.label), str(text)) for field in bound for text in field.errors]


def copy_of(source: Export, access: Access) -> Export:
    """Return a new export filled in like `source`, saved nowhere; a connection the user may not use is left empty."""
    usable = source.connection if source.connection and source.connection.is_usable_by(access) else None
    return Export(
        environment=source.environment,
        name=_copy_name(source),
        description=source.description,
        kind=source.kind,
        connection=usable,
        settings=source.settings,
        field_selection=source.field_selection,
        schedule_mode=source.schedule_mode,
        refreshes_segments=source.refreshes_segments,
    )


def _copy_name(source: Export) -> str:
    """The first of "Copy of NAME", "Copy of NAME (2)" … that no export has."""
    longest = Export._meta.get_field("name").max_length or 0
    name = _("Copy of %(name)s") % {"name": source.name}
    taken = {text.casefold() for text in source.environment.exports.values_list("name", flat=True)}
    for number in range(1, len(taken) + 2):
        suffix = f" ({number})" if number > 1 else ""
        candidate = name[: longest - len(suffix)] + suffix
        if candidate.casefold() not in taken:
            return candidate
    return name
