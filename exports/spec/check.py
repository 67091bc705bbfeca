"""Whether an export may be as a spec says: the one place that judges it, for the pane, commands and programs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from exports.models import Export, ExportKind
from exports.spec import columns, schedule, settings
from exports.spec.catalogue import Catalogue, did_you_mean
from exports.spec.ineligible import not_eligible
from exports.spec.problems import MOST_PROBLEMS, Code, Path, Problem, duplicates, one_line, problems_of_error
from exports.spec.resolved import Resolved
from exports.spec.spec import ExportSpec
from roles.ui.words import number

MOST_ITEMS = 50
MOST_TOLERANCE, MOST_REMOVALS = 10_000, 100  # percent
ORDER = {name: place for place, name in enumerate(ExportSpec.__dataclass_fields__)}


@dataclass(frozen=True)
class Checked:
    """The spec as it is kept, where there are no errors; warnings are of limits of the target."""

    spec: ExportSpec
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def check(spec: ExportSpec, catalogue: Catalogue, export: Export | None = None) -> Checked:
    """Judge `spec` as what `export` (None: a new one) is to be."""
    return check_resolved(Resolved(spec, catalogue, export))


def check_resolved(resolved: Resolved, found: Sequence[Problem] = ()) -> Checked:
    """The same of a spec whose names are looked up. Where something is `found` wrong already, no more is said."""
    judge = _Judge(resolved)
    errors = [*found, *(one for one in judge.errors if not any(_is_at(one.path, other.path) for other in found))]
    in_order = sorted(errors, key=lambda one: ORDER.get(str(one.path[0]), -1) if one.path else -1)
    return Checked(judge.cleaned, in_order, list(_warnings(resolved)))


def too_many(spec: ExportSpec) -> str:
    """Say that more is chosen than one export sends; "" when it is not."""
    chosen = len(spec.segments) + len(spec.tables)
    if chosen <= MOST_ITEMS:
        return ""
    segments = _("%(count)d segments are chosen. Choose at most %(most)d.")
    tables = _("%(count)d tables and lists are chosen. Choose at most %(most)d.")
    return (segments if spec.is_of_segments else tables) % {"count": chosen, "most": MOST_ITEMS}


def _is_at(path: Path, other: Path) -> bool:
    """Whether `path` is `other`, or lies below it."""
    return path[: len(other)] == other


def _percent(most: int) -> forms.IntegerField:
    text = _("Enter a whole number from 0 to %(most)s, or leave empty.") % {"most": number(most)}
    messages = dict.fromkeys(("invalid", "min_value", "max_value"), text)
    return forms.IntegerField(required=False, min_value=0, max_value=most, error_messages=messages)


class _Judge:
    """Judges each part of a spec; `cleaned` is the spec with each judged part cleaned."""

    def __init__(self, resolved: Resolved) -> None:
        self.resolved, self.spec, self.cleaned = resolved, resolved.spec, resolved.spec
        self.errors: list[Problem] = []
        parts: list[Callable[[], Iterator[Problem]]] = [
            self._name, self._description, self._connection, self._settings, self._kind, self._chosen, self._fields,
            self._schedule, self._brakes,
        ]  # fmt: skip
        for part in parts:
            self.errors += islice(part(), MOST_PROBLEMS - len(self.errors))

    def _clean(self, name: str, form_field: forms.Field) -> Iterator[Problem]:
        """Clean one value; one that the export has already is taken as it is."""
        value, export = getattr(self.spec, name), self.resolved.export
        model_field: Any = Export._meta.get_field(name)
        if export and value == getattr(export, name):
            return
        try:
            cleaned = form_field.clean(value)
            model_field.run_validators(cleaned)
            self._replace(**{name: cleaned})
        except ValidationError as error:
            yield from problems_of_error(error, (name,))

    def _replace(self, **values: Any) -> None:
        self.cleaned = replace(self.cleaned, **values)

    def _name(self) -> Iterator[Problem]:
        form_field = Export._meta.get_field("name").formfield()
        form_field.error_messages["required"] = _("Enter a name for the export.")
        found = list(self._clean("name", form_field))
        if found or (self.resolved.export and self.cleaned.name == self.resolved.export.name):
            yield from found
            return
        self._replace(name=" ".join(self.cleaned.name.split()))
        same = Export.objects.filter(environment=self.resolved.catalogue.environment, name__iexact=self.cleaned.name)
        if self.resolved.export:
            same = same.exclude(pk=self.resolved.export.pk)
        if same.exists():
            yield Problem(("name",), Code.TAKEN, _("Another export has this name. Choose a different one."))

    def _description(self) -> Iterator[Problem]:
        yield from self._clean("description", Export._meta.get_field("description").formfield())

    def _connection(self) -> Iterator[Problem]:
        name, path = self.spec.connection, ("connection",)
        if self.spec.is_detached:
            yield from self._detached()
        elif not name:
            yield Problem(path, Code.REQUIRED, _("Choose the connection to send data through."))
        elif self.resolved.connection is None:
            yield self._unknown(path, name, self.resolved.catalogue.connections)

    def _detached(self) -> Iterator[Problem]:
        export, path = self.resolved.export, ("is_detached",)
        if self.spec.connection:
            yield Problem(path, Code.INVALID, _("A detached export has no connection. Remove one of the two."))
        elif export is None or export.connection_id is not None:
            text = _("Only a detached export can stay detached. Name a connection.")
            yield Problem(path, Code.NOT_DETACHED, text)

    def _settings(self) -> Iterator[Problem]:
        form = self.resolved.settings_form
        if form is None:
            return
        self._replace(settings=dict(form.cleaned_data))
        yield from settings.problems_of_settings(form, self.spec.settings)

    def _kind(self) -> Iterator[Problem]:
        type_ = self.resolved.destination
        if self.spec.kind not in ExportKind.values:
            yield Problem(("kind",), Code.INVALID_CHOICE, _("Choose segments or tables."))
        elif not self.spec.is_of_segments and type_ and not type_.takes_tables:
            text = _("%(type)s doesn't accept whole tables. Choose segments, or another connection.")
            yield Problem(("kind",), Code.NOT_ELIGIBLE, text % {"type": type_.label})

    def _chosen(self) -> Iterator[Problem]:
        """The segments and tables."""
        if self.spec.kind not in ExportKind.values:
            return
        place = ("segments",) if self.spec.is_of_segments else ("tables",)
        if text := too_many(self.spec):
            yield Problem(place, Code.TOO_MANY, text)
            return
        for path, names in self._lists():
            yield from duplicates(names, path)
        unknown = list(self._unknown_names())
        yield from unknown
        if not unknown and not self.resolved.segments and (self.spec.is_of_segments or not self.resolved.tables):
            segments, tables = _("Choose at least one segment."), _("Choose at least one table or member list.")
            yield Problem(place, Code.REQUIRED, segments if self.spec.is_of_segments else tables)
        yield from self._not_eligible() if self.spec.is_of_segments else ()

    def _lists(self) -> list[tuple[Path, tuple[str, ...]]]:
        return [(("segments",), self.spec.segments), (("tables",), self.spec.tables)]

    def _unknown_names(self) -> Iterator[Problem]:
        everything: list[dict[str, Any]] = [self.resolved.catalogue.segments, self.resolved.catalogue.tables]
        for (path, names), known in zip(self._lists(), everything, strict=True):
            for index, name in enumerate(names):
                if name not in known:
                    yield self._unknown((*path, index), name, known)

    def _not_eligible(self) -> Iterator[Problem]:
        if self.spec.tables:
            yield Problem(("tables",), Code.NOT_SENT, _("A segment export cannot include tables."))
        why_not = self.resolved.eligibility.why_not
        refused = [segment for segment in self.resolved.segments if why_not(segment)]
        for segment in refused:
            place = ("segments", self.spec.segments.index(segment.name))
            yield Problem(place, Code.NOT_ELIGIBLE, str(not_eligible(refused)), why_not(segment))

    def _fields(self) -> Iterator[Problem]:
        if not self.spec.is_of_segments:
            if self.spec.fields and self.spec.kind in ExportKind.values:
                text = _("Whole tables include all fields. Remove the fields.")
                yield Problem(("fields",), Code.NOT_SENT, text)
            return
        sources = {source.table.name: source for source in self.resolved.field_sources.all}
        self._replace(fields={table: columns.cleaned(chosen) for table, chosen in self.spec.fields.items()})
        empty = self._without_fields()
        for table, chosen in self.cleaned.fields.items():
            if table in empty:
                yield Problem(("fields", table), Code.REQUIRED, _("Choose at least one field."))
            if table in sources:
                names = [one.name for one in sources[table].fields]
                yield from columns.problems_of_columns(chosen, names, table, ("fields", table))
            else:
                yield from self._not_sent(table)

    def _without_fields(self) -> set[str]:
        """The tables of chosen segments that would send no field."""
        chosen = self.cleaned.fields
        return {
            segment.table.name
            for segment in self.resolved.segments
            if not any(chosen.get(one.name, True) for one in self.resolved.field_sources.tables_of(segment))
        }

    def _not_sent(self, table: str) -> Iterator[Problem]:
        """Say of fields of a table that none go; nothing where that may come from what is wrong elsewhere."""
        path = ("fields", table)
        if table not in self.resolved.catalogue.tables:
            yield self._unknown(path, table, self.resolved.catalogue.tables)
        elif not any(one.path[0] in ("connection", "settings", "segments") for one in self.errors):
            text = _("No chosen segment sends fields of “%(table)s”. Remove them.")
            yield Problem(path, Code.NOT_SENT, text % {"table": one_line(table)})

    def _schedule(self) -> Iterator[Problem]:
        kept, found = schedule.checked_schedule(self.spec.schedule)
        self._replace(schedule=kept)
        yield from found

    def _brakes(self) -> Iterator[Problem]:
        yield from self._clean("tolerance", _percent(MOST_TOLERANCE))
        yield from self._clean("most_removals", _percent(MOST_REMOVALS))

    @staticmethod
    def _unknown(path: Path, name: str, known: dict[str, Any]) -> Problem:
        text = _("“%(name)s” is not in this environment.") % {"name": one_line(name)}
        return Problem(path, Code.UNKNOWN, f"{text} {did_you_mean(name, known)}".strip())


def _warnings(resolved: Resolved) -> Iterator[Problem]:
    """Yield what is over or under the limits of the target."""
    if not resolved.spec.is_of_segments:
        return
    for segment in resolved.segments:
        if text := resolved.eligibility.warning(segment):
            yield Problem(("segments", resolved.spec.segments.index(segment.name)), Code.LIMIT, text)
    if text := resolved.eligibility.total_warning(resolved.segments):
        yield Problem(("segments",), Code.LIMIT, text)
