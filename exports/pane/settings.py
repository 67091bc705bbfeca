"""The settings that a connection type asks an export for, as stored or as typed."""

from typing import Any

from django import forms
from django.http import QueryDict

from connections.destinations.base import Destination, SettingsForm
from exports.formats.form import export_form

PREFIX = "settings"


def settings_form(
    destination: type[Destination], stored: dict[str, Any], data: QueryDict | None, *, is_draft: bool
) -> SettingsForm:
    """Return the type's own form: as stored until the browser has sent its fields; a draft is not judged."""
    form = _form_class(destination, stored, data)(stored=stored or None, prefix=PREFIX)
    if data is None or not form.fields:
        return form
    typed = _typed(form, data)
    if is_draft:
        return type(form)(stored=stored | typed, prefix=PREFIX)
    return type(form)(_complete(form, typed), stored=stored or None, prefix=PREFIX)


def settings_of(form: SettingsForm) -> dict[str, Any]:
    """Return the settings that the form holds now, those that cannot be right left out."""
    shown = {name: form[name].value() for name in form.fields}
    judged = form if form.is_bound else type(form)(_complete(form, shown), prefix=PREFIX)
    judged.is_valid()
    return dict(judged.cleaned_data)


def _form_class(destination: type[Destination], stored: dict[str, Any], data: QueryDict | None) -> type[SettingsForm]:
    """Return the class of the form, whose fields depend on the format that is chosen."""
    sent = data.get(f"{PREFIX}-format") if data is not None else None
    return export_form(destination, {"format": sent or stored.get("format")})


def _typed(form: SettingsForm, data: QueryDict) -> dict[str, Any]:
    """What was sent of the form. A box that is off sends nothing, so it counts once any other field was sent."""
    keys = {name: form.add_prefix(name) for name in form.fields}
    was_sent = any(key in data for key in keys.values())
    widgets = {name: field.widget for name, field in form.fields.items()}
    return {
        name: widgets[name].value_from_datadict(data, {}, key)
        for name, key in keys.items()
        if key in data or (was_sent and isinstance(widgets[name], forms.CheckboxInput))
    }


def _complete(form: SettingsForm, typed: dict[str, Any]) -> dict[str, Any]:
    """Return data for the form: where a field was never shown its default holds."""
    values = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()} | typed
    return {form.add_prefix(name): value for name, value in values.items()}
