"""The form of an export on a file store: the format's options, then what the connection type asks for itself."""

from functools import cache
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from connections.destinations.base import Destination, FileDestination, SettingsForm, Text
from exports.formats.base import Format, Settings
from exports.formats.registry import LONGEST_NAME, USUAL, UnknownFormatError, formats, name_of

LABEL = _("Format")


def export_form(destination: type[Destination], settings: Settings) -> type[SettingsForm]:
    """Return the form of an export on `destination`, whose `settings` name the format.

    It has a choice of formats where there are several, or where the settings name one.
    """
    if not issubclass(destination, FileDestination):
        return destination.export_form
    has_choice = len(formats()) > 1 or bool(settings.get("format"))
    choices = tuple((slug, format_.label) for slug, format_ in formats().items() if has_choice)
    name = name_of(settings)
    if name in formats():
        return _composed(destination.export_form, formats()[name], choices)
    gone = (name, _("%(name)s (no longer available)") % {"name": name[:LONGEST_NAME]})
    compose = _composed.__wrapped__  # names of formats may be anything, so that these forms are not kept
    form: type[SettingsForm] = compose(destination.export_form, formats()[USUAL], (gone, *choices))
    return form


def label_of(setting: str) -> Text:
    """Return what the first format that has the setting calls it; empty where none has."""
    if setting == "format":
        return LABEL
    own = [format_.form.base_fields for format_ in formats().values()]
    return next((fields[setting].label or "" for fields in own if setting in fields), "")


def _refuse_gone(name: str) -> None:
    """Raise ValidationError for a format that is not there any more, which is shown so that a person replaces it."""
    if name not in formats():
        raise forms.ValidationError(str(UnknownFormatError(name)), code="gone")


@cache
def _composed(own: type[SettingsForm], format_: type[Format], choices: tuple[tuple[str, Text], ...]) -> type[Any]:
    """Return a form with the fields of both, the format's first; with the choice of formats, if any."""
    bases = [own, format_.form]
    bases = [base for base in bases if not any(base is not other and issubclass(other, base) for other in bases)]
    if choices:
        bases.append(_choice(choices))
    groups = format_.form.groups + own.groups
    return type("ExportSettingsForm", tuple(dict.fromkeys(bases)), {"groups": groups})


def _choice(choices: tuple[tuple[str, Text], ...]) -> type[SettingsForm]:
    field = forms.ChoiceField(label=LABEL, choices=choices, initial=USUAL, validators=[_refuse_gone])
    return type("FormatForm", (SettingsForm,), {"format": field})
