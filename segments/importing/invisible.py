"""Finds invisible characters in column names, keys and values, and names them by their codes."""

import re
from collections.abc import Iterable

from django.utils.translation import gettext as _

from roles.validators import invisible_places, visible

MARK = "\ufeff"  # a byte order mark; inside of a text it is a blank without width
CONTROLS = "\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
# Soft hyphens, marks of direction, blanks without width, separators of lines, letters that show nothing.
WIDTHLESS = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    "\ufeff\uffa0\ufff9-\ufffb"
)
BLANKS = "\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"  # they look like a blank and are none
# Persian, Indic scripts and emoji are written with these; beside Latin letters nobody sees them.
JOINERS = "\u200c\u200d\ufe00-\ufe0f"
IN_VALUES = CONTROLS + WIDTHLESS
IN_KEYS = IN_VALUES + BLANKS + JOINERS
_BLANKS = re.compile(f"[{BLANKS}]")
_VALUES = re.compile(f"[{IN_VALUES}]")
_KEYS = re.compile(f"[{IN_KEYS}]")
_PLAIN = bytes([*range(0x20, 0x7F), *b"\t\n\r"])


def code(sign: str) -> str:
    """Return the character's code for people to look up, such as U+200B."""
    return f"U+{ord(sign):04X}"


def in_name(name: str) -> str:
    """Return the codes of the invisible characters in a column's name, "" if there are none."""
    places = {*invisible_places(name), *(place for place, sign in enumerate(name) if _BLANKS.match(sign))}
    return _codes(name[place] for place in sorted(places))


def in_key(value: str) -> str:
    """Return the codes of the invisible characters in a key, "" if there are none."""
    return _codes(_KEYS.findall(value))


def _codes(signs: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(map(code, signs)))


def note_on_name(position: int, name: str) -> str:
    """Return a note on the name of the column at `position` (from 1), "" if all or nothing of it is visible."""
    details = {"position": position, "name": visible(name), "codes": in_name(name)}
    if not details["name"]:
        return ""  # it gets one
    if details["codes"]:
        text = _(
            "Line 1: the name of column %(position)d, “%(name)s”, has invisible characters: %(codes)s. They are "
            "kept. Remove them from the file unless they are intended."
        )
        return text % details
    if name != name.strip():
        text = _("Line 1: the name of column %(position)d, “%(name)s”, begins or ends with a space. It is kept.")
        return text % details
    return ""


class SignSearch:
    """Looks through UTF-8, in pieces of whole characters, for signs that show nothing.

    `first` is the first one that no value should have, `line` where it stands (from 1); `may_be_in_keys` tells
    whether there is any that a key should not have.
    """

    def __init__(self) -> None:
        self.first = ""
        self.line = 0
        self.may_be_in_keys = False

    def look(self, data: bytes, lines: int) -> None:
        """Search `data`, which begins after `lines` line ends."""
        if self.first:
            return
        rest = data.translate(None, _PLAIN).decode(errors="ignore")  # of most files nothing, of others little
        found = (_VALUES if self.may_be_in_keys else _KEYS).search(rest)
        if found and not self.may_be_in_keys:
            self.may_be_in_keys = True
            found = _VALUES.search(rest, found.start())
        if found:
            self.first = found[0]
            self.line = lines + data.count(b"\n", 0, data.index(self.first.encode())) + 1
