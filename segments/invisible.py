"""Signs that show nothing, in the names of columns, in keys and in values: found, and named by their code."""

import re
from collections.abc import Iterable

from django.utils.translation import gettext as _

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
_NAMES = re.compile(
    f"[{IN_VALUES}{BLANKS}\t\n\r]|(?<![^\\x00-\\x7f])[{JOINERS}](?!\u20e3)|[\u200c\u200d](?![^\\x00-\\x7f])"
)
_KEYS = re.compile(f"[{IN_KEYS}]")
_PLAIN = bytes([*range(0x20, 0x7F), *b"\t\n\r"])


def code(sign: str) -> str:
    """Return how people look a sign up, such as U+200B."""
    return f"U+{ord(sign):04X}"


def in_name(name: str) -> str:
    """Return the codes of the invisible signs in a column's name, "" if there are none."""
    return ", ".join(dict.fromkeys(map(code, _NAMES.findall(name))))


def in_key(value: str) -> str:
    """Return the codes of the invisible signs in a key, "" if there are none."""
    return ", ".join(dict.fromkeys(map(code, _KEYS.findall(value))))


def visible(name: str) -> str:
    """Return what people see of a name."""
    return _NAMES.sub(lambda sign: " " if sign[0] in "\t\n\r" or re.match(f"[{BLANKS}]", sign[0]) else "", name).strip()


def told_of_name(position: int, name: str) -> str:
    """Return what to tell of the name of the column at `position` (from 1), "" if all of it can be seen."""
    details = {"position": position, "name": visible(name), "codes": in_name(name)}
    if details["codes"]:
        text = _(
            "Line 1: the name of column %(position)d, “%(name)s”, has invisible characters: %(codes)s. They are kept."
            " Remove them from the file unless they are meant."
        )
        return text % details
    if name != name.strip():
        text = _("Line 1: the name of column %(position)d, “%(name)s”, begins or ends with a blank. It is kept.")
        return text % details
    return ""


class Watch:
    """Looks through UTF-8, in pieces of whole characters, for signs that show nothing.

    `first` is the first one that no value should have, `line` where it stands (from 1); `may_be_in_keys` tells
    whether there is any that a key should not have.
    """

    def __init__(self) -> None:
        self.first = ""
        self.line = 0
        self.may_be_in_keys = False

    def look(self, data: bytes, lines: int) -> None:
        """Look through `data`, before which there were `lines` line ends."""
        if self.first:
            return
        rest = data.translate(None, _PLAIN)
        if not rest:
            return
        self.may_be_in_keys = self.may_be_in_keys or bool(_KEYS_BYTES.search(rest))
        found = _VALUES_BYTES.search(rest)
        if found:
            self.first = found[0].decode()
            self.line = lines + data.count(b"\n", 0, data.index(found[0])) + 1


def _as_bytes(signs: str) -> re.Pattern[bytes]:
    """Return what finds these signs in UTF-8. The set of first bytes comes first: the search skips to those."""
    rests: dict[bytes, list[bytes]] = {}
    for sign in _each(signs):
        whole = sign.encode()
        rests.setdefault(whole[:1], []).append(whole[1:])
    ways = [b"(?<=%b)(?:%b)" % (re.escape(first), b"|".join(map(re.escape, ends))) for first, ends in rests.items()]
    return re.compile(b"[%b](?:%b)" % (b"".join(map(re.escape, rests)), b"|".join(ways)))


def _each(signs: str) -> Iterable[str]:
    pattern = re.compile(f"[{signs}]")
    return (chr(number) for number in range(0x10000) if pattern.match(chr(number)))


_VALUES_BYTES = _as_bytes(IN_VALUES)
_KEYS_BYTES = _as_bytes(IN_KEYS)
