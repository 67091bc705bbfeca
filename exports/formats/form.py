"""The form of an export on a file store: the format's options, then what the connection type asks for itself."""

from functools import cache
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from connections.destinations.base import Destination, FileDestination, SettingsForm, Text
from exports.formats.base import Format, Settings
from exports.formats.registry import USUAL, format_class, formats

LABEL = _("Format")


def export_form(destination: type[Destination], settings: Settings) -> type[SettingsForm]:
    """Return the form of an export on `destination`, whose `settings` name the format."""
    if not issubclass(destination, FileDestination):
        return destination.export_form
    choices = tuple((slug, format_.label) for slug, format_ in formats().items())
    return _composed(destination.export_form, format_class(settings), choices)


def label_of(setting: str) -> Text:
    """Return what the first format that has the setting calls it; empty where none has."""
    if setting == "format":
        return LABEL
    own = [format_.form.base_fields for format_ in formats().values()]
    return next((fields[setting].label or "" for fields in own if setting in fields), "")


@cache
def _composed(own: type[SettingsForm], format_: type[Format], choices: tuple[tuple[str, Text], ...]) -> type[Any]:
    """Return a form with the fields of both, the format's first; with a choice of formats where there are several."""
    bases = [own, format_.form]
    bases = [base for base in bases if not any(base is not other and issubclass(other, base) for other in bases)]
    if len(choices) > 1:
        bases.append(_choice(choices))
    groups = format_.form.groups + own.groups
    return type("ExportSettingsForm", tuple(dict.fromkeys(bases)), {"groups": groups})


def _choice(choices: tuple[tuple[str, Text], ...]) -> type[SettingsForm]:
    field = forms.ChoiceField(label=LABEL, choices=choices, initial=USUAL)
    return type("FormatForm", (SettingsForm,), {"format": field})
