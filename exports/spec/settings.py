"""The settings that a connection type and a format ask an export for: their own form judges them, without HTTP."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from connections.destinations.base import Destination, SettingsForm
from exports.formats.form import export_form
from exports.spec.catalogue import did_you_mean
from exports.spec.problems import Code, Path, Problem, one_line, problems_of_form

PATH: Path = ("settings",)


def form_for(destination: type[Destination], values: Mapping[str, Any]) -> type[SettingsForm]:
    """Return the class of the form of an export on `destination`, which depends on the format that `values` name."""
    format_ = values.get("format")
    return export_form(destination, {"format": format_ if isinstance(format_, str) else ""})


def judged_form(
    destination: type[Destination], values: Mapping[str, Any], stored: Mapping[str, Any] | None = None
) -> SettingsForm:
    """Return the type's own form, judging `values`; where one is not there, the default holds.

    `stored` is what the export holds already.
    """
    form_class = form_for(destination, values)
    blank = form_class()
    defaults = {name: blank.get_initial_for_field(field, name) for name, field in blank.fields.items()}
    typed = {name: _typed(value) for name, value in (defaults | dict(values)).items()}
    form = form_class(typed, stored=dict(stored) if stored else None)
    form.is_valid()
    return form


def problems_of_settings(form: SettingsForm, values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the settings, those that the type does not have among it."""
    yield from problems_of_form(form, PATH)
    yield from unknown_keys(values, form.fields, PATH)


def unknown_keys(values: Iterable[str], known: Iterable[str], path: Path) -> Iterator[Problem]:
    """Yield each key of `values` that is not `known`."""
    names = list(known)
    for key in values:
        if key not in names:
            text = _("Unknown key “%(key)s”.") % {"key": one_line(key)}
            yield Problem((*path, key), Code.UNKNOWN_KEY, f"{text} {did_you_mean(key, names)}".strip())


def _typed(value: Any) -> Any:
    """A value as a browser sends it: numbers as text, nothing as empty text."""
    if isinstance(value, list | tuple):
        return [_typed(one) for one in value]
    return value if isinstance(value, bool) else "" if value is None else str(value)
