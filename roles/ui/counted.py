"""Texts whose number changes on the page: for templates, and with every plural form for scripts."""

import json
from typing import Any

from django.utils.translation import ngettext_lazy

from roles.ui.words import number

COUNTED: dict[str, Any] = {
    "selected": ngettext_lazy("%(n)s selected", "%(n)s selected", "count"),
    "chosen": ngettext_lazy("%(n)s chosen", "%(n)s chosen", "count"),
    "of all": ngettext_lazy("%(n)s of %(all)s", "%(n)s of %(all)s", "count"),
    "shown": ngettext_lazy("%(n)s of %(all)s shown", "%(n)s of %(all)s shown", "count"),
    "members": ngettext_lazy("%(n)s member", "%(n)s members", "count"),
    "rows": ngettext_lazy("%(n)s row", "%(n)s rows", "count"),
}
# Among them each plural form of any language has one: static/words.js finds the form of a number by its likes.
EXAMPLES = (0, 1, 2, 3, 5, 11, 21, 100, 1_000_000)


def counted(name: str, count: int) -> str:
    """Return the text `name` for `count`."""
    return str(COUNTED[name] % {"count": count, "n": number(count)})


def forms_of(name: str) -> str:
    """Return the text `name` as JSON for scripts: each form, {n} for the number, with examples that take it."""
    forms: dict[str, list[int]] = {}
    for count in EXAMPLES:
        forms.setdefault(str(COUNTED[name] % {"count": count, "n": "{n}", "all": "{all}"}), []).append(count)
    return json.dumps(list(forms.items()), ensure_ascii=False)
