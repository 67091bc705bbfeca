"""The keys of the portal: the scripts listen to this table, and the list of keys shows it."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class Key(NamedTuple):
    """What some keys do; `keys` as in aria-keyshortcuts. What the browser does by itself has no `name`."""

    name: str
    keys: tuple[str, ...]
    text: str | Promise


EVERYWHERE = (
    Key("keys", ("?",), gettext_lazy("Show the keys")),
    Key("search", ("/",), gettext_lazy("Go to the search")),
    Key("save", ("Control+Enter", "Meta+Enter"), gettext_lazy("Save, or confirm what is asked")),
    Key("", ("Escape",), gettext_lazy("Close the panel, menu or question")),
)
LIST = (
    Key("row-next", ("ArrowDown",), gettext_lazy("Next row; from the search: first row")),
    Key("row-previous", ("ArrowUp",), gettext_lazy("Previous row")),
    Key("row-first", ("Home",), gettext_lazy("First row")),
    Key("row-last", ("End",), gettext_lazy("Last row")),
    Key("", ("Enter",), gettext_lazy("Open the row")),
    Key("select", ("Space",), gettext_lazy("Select the row")),
    Key("commands", ("c",), gettext_lazy("Go to the commands")),
)
COMMANDS = (
    Key("command-next", ("ArrowRight",), gettext_lazy("Next command")),
    Key("command-previous", ("ArrowLeft",), gettext_lazy("Previous command")),
    Key("command-first", ("Home",), gettext_lazy("First command")),
    Key("command-last", ("End",), gettext_lazy("Last command")),
    Key("command-back", ("Escape",), gettext_lazy("Back to the list")),
)
GROUPS = (
    (gettext_lazy("Everywhere"), EVERYWHERE),
    (gettext_lazy("In a list"), LIST),
    (gettext_lazy("In the commands"), COMMANDS),
)
SIGNS = {"ArrowDown": "↓", "ArrowUp": "↑", "ArrowLeft": "←", "ArrowRight": "→", "Meta": "⌘", "c": "C"}


def caps(keys: str) -> list[str]:
    """Return what stands on the keys of a combination, one by one."""
    names = {
        "Control": _("Ctrl"),
        "Enter": _("Enter"),
        "Escape": _("Esc"),
        "Space": _("Space"),
        "Home": _("Home"),
        "End": _("End"),
    } | SIGNS
    return [names.get(key, key) for key in keys.split("+")]
