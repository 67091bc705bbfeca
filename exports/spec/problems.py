"""What is wrong with a spec: where, of which sort, and in words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.utils.translation import gettext as _

Path = tuple[str | int, ...]
MOST_PROBLEMS = 100  # that are told of one spec


class Code(StrEnum):
    """The sorts of problems. Programs decide by these, so they stay; the words may change."""

    REQUIRED = "required"
    INVALID = "invalid"  # not of its type, or not to be read as what it should be
    INVALID_CHOICE = "invalid_choice"
    INVISIBLE = "invisible"  # holds characters that nobody sees
    TOO_LONG = "too_long"
    OUT_OF_RANGE = "out_of_range"
    TOO_MANY = "too_many"
    DUPLICATE = "duplicate"
    TAKEN = "taken"
    UNKNOWN = "unknown"
    NOT_ELIGIBLE = "not_eligible"
    NOT_SENT = "not_sent"
    NOT_DETACHED = "not_detached"
    LIMIT = "limit"  # a warning: over or under what the target takes
    # Of documents alone.
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    UNKNOWN_KEY = "unknown_key"
    DUPLICATE_KEY = "duplicate_key"
    UNSUPPORTED_VERSION = "unsupported_version"


# What Django's forms call it.
OF_FORMS = {
    "required": Code.REQUIRED,
    "invalid_choice": Code.INVALID_CHOICE,
    "invalid_list": Code.INVALID_CHOICE,
    "gone": Code.INVALID_CHOICE,
    "max_length": Code.TOO_LONG,
    "min_value": Code.OUT_OF_RANGE,
    "max_value": Code.OUT_OF_RANGE,
    "null_characters_not_allowed": Code.INVISIBLE,
    "invisible": Code.INVISIBLE,
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong at `path` of a spec, or that a person should know; `reason` says why, where known."""

    path: Path
    code: Code
    message: str
    reason: str = ""

    @property
    def field(self) -> str:
        """The path as text: `fields.Customers[0].name`, `fields["My table"]`; `document` for the whole."""
        return path_text(self.path)


def path_text(path: Path) -> str:
    """Return a path as text, on one line."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif re.fullmatch(r"\w+", part):
            text += f".{part}" if text else part
        else:
            text += '["' + one_line(part).replace('"', '\\"') + '"]'
    return text or "document"


def one_line(text: str) -> str:
    """Return `text` so that it can be printed on one line: what cannot be seen, or encoded, as its code."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text
    )


def problems_of_error(error: ValidationError, path: Path) -> Iterator[Problem]:
    """Yield what a field or a form of Django found."""
    for one in error.error_list:
        code = OF_FORMS.get(one.code or "", Code.INVALID)
        for text in one.messages:
            yield Problem(path, code, text)


def problems_of_form(form: BaseForm, path: Path) -> Iterator[Problem]:
    """Yield what is wrong with a form, at `path` and the names of its fields."""
    for name, errors in form.errors.as_data().items():
        for error in errors:
            yield from problems_of_error(error, path if name == "__all__" else (*path, name))


def duplicates(names: tuple[str, ...], path: Path) -> Iterator[Problem]:
    """Yield what is named a second time."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            text = _("“%(name)s” appears twice.") % {"name": one_line(name)}
            yield Problem((*path, index), Code.DUPLICATE, text)
        seen.add(name)
