"""Many equal pieces of one page, fast: a template is rendered once, then filled in for each piece.

Rendering a row of a list by the template engine costs about twenty times what filling it in costs.
"""

import html
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from django.template.loader import get_template
from django.utils.safestring import SafeString, mark_safe

_INDENTS = re.compile(r"\s*\n\s*")  # of the template: no row repeats them
FIRST_MARK = 0xE000  # private characters stand for the values while the template is laid out


def mark(names: Sequence[str], name: str) -> str:
    """Return the placeholder of the value `name` in a pattern with these `names`, for use in its constants."""
    return chr(FIRST_MARK + names.index(name))


class Pattern:
    """A template whose variables `names` are filled in for each piece; make one for each request (its language).

    `constants` are the same in all pieces; they may hold marks.
    """

    def __init__(self, template: str, names: Sequence[str], constants: Mapping[str, str] | None = None) -> None:
        self._template, self._constants = get_template(template), constants or {}
        self._marks = {name: mark(names, name) for name in names}
        self._names = {mark: name for name, mark in self._marks.items()}
        self._any_mark = re.compile(f"([{''.join(self._names)}])")
        self._laid_out: dict[tuple[object, ...], tuple[list[str], list[str]]] = {}

    def fill(self, values: Mapping[str, str], shape: Mapping[str, object]) -> SafeString:
        """Return one piece: `values` by name, escaped unless they are markup; `shape` is for the template's ifs."""
        key = tuple(shape.values())
        if key not in self._laid_out:
            self._laid_out[key] = self._lay_out(shape)
        safe = {name: value if isinstance(value, SafeString) else _escaped(value) for name, value in values.items()}
        texts, names = self._laid_out[key]
        pieces = [*texts]
        pieces[1::2] = [safe[name] for name in names]
        return mark_safe("".join(pieces))  # noqa: S308 - every value was escaped

    def _lay_out(self, shape: Mapping[str, object]) -> tuple[list[str], list[str]]:
        """Return the texts of the template, with a gap in each second place, and the values that the gaps are for."""
        laid_out = self._template.render({**self._marks, **self._constants, **shape})
        texts = self._any_mark.split(_INDENTS.sub("\n", laid_out.strip()))
        names = [self._names[found] for found in texts[1::2]]
        return texts, names


# Names, types and words come again on each page. A safe text must not get here: it equals the same text that is not.
_escaped = lru_cache(maxsize=4096)(html.escape)
