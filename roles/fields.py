"""Fields for texts that people write, in forms and models: composed, and without invisible characters.

A model's field is checked by its form and by `full_clean`, and composed at each save. In migrations it is a plain one.
"""

from typing import Any

from django import forms
from django.core.validators import validate_email
from django.db import models

from roles.validators import composed, note, one_line, visible_name


class LineField(forms.CharField):
    """A single line."""

    default_validators = [one_line]

    def to_python(self, value: Any) -> str:
        """Compose what was typed."""
        return composed(super().to_python(value) or "")

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Let a text that is too long be typed and counted (static/count.js): a browser would cut it without a word."""
        attrs = super().widget_attrs(widget)
        most = attrs.pop("maxlength", None)
        return attrs if most is None else attrs | {"data-most": most}


class NameField(LineField):
    """A single line that can be seen."""

    default_validators = [visible_name]


class NoteField(LineField):
    """Several lines; tabs become blanks."""

    default_validators = [note]
    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        """Compose what was typed, with one kind of line break."""
        return super().to_python(value).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")


class _Composed(models.Field):
    """What the models' fields share; migrations know it as `stored_as`."""

    form_class: type[LineField] = LineField
    stored_as = "CharField"

    def get_col(self, alias: str, output_field: Any = None) -> Any:
        """Be a plain field in expressions, which cannot mix other types."""
        return super().get_col(alias, output_field or getattr(models, self.stored_as)())

    def deconstruct(self) -> Any:
        """Look like a plain field."""
        name, _path, args, kwargs = super().deconstruct()
        return name, f"django.db.models.{self.stored_as}", args, kwargs

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Compose the value, also on the instance."""
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = composed(value)
            setattr(model_instance, self.attname, value)
        return value

    def formfield(self, **kwargs: Any) -> Any:
        """Ask for it with the form's field of the same kind."""
        return super().formfield(**{"form_class": self.form_class} | kwargs)


class Line(_Composed, models.CharField):
    """A single line in a model."""

    default_validators = [one_line]


class Name(_Composed, models.CharField):
    """A name in a model."""

    default_validators = [visible_name]
    form_class = NameField


class Note(_Composed, models.TextField):
    """Several lines in a model."""

    default_validators = [note]
    form_class = NoteField
    stored_as = "TextField"


class Address(_Composed, models.EmailField):
    """An e-mail address in a model."""

    default_validators = [validate_email, one_line]
    stored_as = "EmailField"

    def formfield(self, **kwargs: Any) -> Any:
        """Ask for an address."""
        return super().formfield(**{"form_class": AddressField} | kwargs)


class AddressField(forms.EmailField):
    """An e-mail address: a single line, too."""

    default_validators = [validate_email, one_line]
