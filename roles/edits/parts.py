"""What a form holds, part by part, so that what is stored and what was typed can be compared."""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _

MOST_SAID = 20  # lines of one part on the page


@dataclass(frozen=True)
class Part:
    """One part of a form. Parts are equal where their values are.

    `inputs` is what a browser sends for it, by the names of the inputs. `said` is its value in words, one line for
    each of several. `audited` are the names of what the audit log keeps of it. No secret is in any of these.
    """

    label: str
    value: Any  # as JSON
    inputs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    said: Sequence[str] = ()
    audited: Sequence[str] = ()

    @property
    def digest(self) -> str:
        """Stand for the value."""
        text = json.dumps(self.value, sort_keys=True, default=str)
        return hashlib.blake2s(text.encode(), digest_size=9).hexdigest()

    @property
    def lines(self) -> list[str]:
        """What to show: at most MOST_SAID lines, and how many more there are."""
        said = [line for line in self.said if line] or [_("Empty")]
        more = len(said) - MOST_SAID
        return said if more <= 0 else [*said[:MOST_SAID], _("%(n)d more") % {"n": more}]


Parts = Mapping[str, Part]


def parts_of(
    form: forms.BaseForm, post: QueryDict | None = None, *, names: Iterable[str] = (), audited: Mapping[str, Any] = {}
) -> dict[str, Part]:
    """Return the fields `names` of `form` (all of them without names): as they open, or as `post` holds them.

    `audited` maps names of fields to those in the audit log, where they differ.
    """
    return {name: _of_field(form, name, post, audited.get(name, name)) for name in names or form.fields}


def joined(label: str, parts: Parts, *, said: Sequence[str] = (), audited: Sequence[str] = ()) -> Part:
    """Return several parts as one, for what only makes sense together."""
    words = [f"{part.label}: {', '.join(part.lines)}" for part in parts.values()]
    return Part(
        label=label,
        value={name: part.value for name, part in parts.items()},
        inputs={key: values for part in parts.values() for key, values in part.inputs.items()},
        said=said or words,
        audited=audited or [name for part in parts.values() for name in part.audited],
    )


def secret(label: str, version: str, inputs: Iterable[str], audited: str = "secrets") -> Part:
    """Return the stored secrets as a part: `version` changes with them; without them their inputs are empty."""
    return Part(label, version, {name: [] for name in inputs}, [_("Changed")], [audited])


def entered(label: str, inputs: Iterable[str], audited: str = "secrets") -> Part:
    """Return secrets that were typed, which are never equal to stored ones."""
    return Part(label, {"entered": True}, dict.fromkeys(inputs, ()), [_("What you entered")], [audited])


def _of_field(form: forms.BaseForm, name: str, post: QueryDict | None, audited: Any) -> Part:
    bound, one = form[name], form.fields[name]
    sent = _opened(bound) if post is None else post.getlist(bound.html_name)
    raw = [_plain(text) for text in sent if text not in ("", None)]
    is_many = isinstance(one, forms.MultipleChoiceField | forms.ModelMultipleChoiceField)
    value: Any = sorted(set(raw)) if is_many else _read(one, raw[-1] if raw else "")
    known = (audited,) if isinstance(audited, str) else tuple(audited)
    return Part(str(bound.label), value, {bound.html_name: list(sent)}, _said(one, raw), known)


def _opened(bound: forms.BoundField) -> list[str]:
    """What a browser sends for a field that stays as the form opens it."""
    value, widget = bound.value(), bound.field.widget
    if isinstance(widget, forms.CheckboxInput):
        return ["on"] if value else []
    value = bound.field.prepare_value(value)
    shown = widget.format_value(value)
    return [str(one) for one in shown] if isinstance(shown, list | tuple) else [] if shown is None else [str(shown)]


def _read(one: forms.Field, text: str) -> Any:
    """The value as the field reads it, so that 06:00 and 06:00:00 are one; the text where it is not valid."""
    if isinstance(one, forms.BooleanField):
        return bool(text) and text != "False"
    if isinstance(one, forms.TimeField | forms.IntegerField):
        try:
            return str(one.to_python(text))
        except ValidationError:
            return text
    return text


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", str(text).replace("\r\n", "\n").replace("\r", "\n").strip())


def _said(one: forms.Field, raw: Sequence[str]) -> list[str]:
    if isinstance(one, forms.BooleanField):
        return [_("Yes") if raw and raw[-1] != "False" else _("No")]
    if not isinstance(one, forms.ChoiceField | forms.ModelChoiceField):
        return list(raw)
    labels: dict[str, str] = {}
    choices: Any = one.choices
    for value, label in choices:
        inner = label if isinstance(label, list | tuple) else [(value, label)]
        labels |= {str(key): str(text) for key, text in inner}
    return [labels.get(text, text) for text in raw]
