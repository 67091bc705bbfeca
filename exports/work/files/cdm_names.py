"""Names that the Common Data Model's form of model.json takes, made of any: the same each time, and unlike each
other, whatever case or Unicode composition a reader ignores.

It refuses blanks at either end, line breaks and more than 256 characters; in an entity's name dots and quotes too.
"""

import re

from exports.spec.folders import folded

MOST_CHARACTERS = 256
ROOM = 6  # for a number that tells two alike apart
LINE_BREAKS = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
BLANKS = " \t\ufeff"  # str.strip knows the others


def attribute(name: str, taken: set[str]) -> str:
    """Return a valid name of a column that none of `taken` is like in whatever case, and put it there."""
    return _unused(_valid(name, f"[{LINE_BREAKS}]"), taken)


def entity(name: str, taken: set[str]) -> str:
    """Return a valid name of an entity that none of `taken` is like in whatever case, and put it there."""
    return _unused(_valid(name, f'[{LINE_BREAKS}."]'), taken)


def plain(name: str) -> str:
    """Return a valid name of anything else."""
    return _valid(name, f"[{LINE_BREAKS}]")


def _valid(name: str, refused: str) -> str:
    found = re.sub(refused, "_", name)
    while found != (stripped := found.strip().strip(BLANKS)):
        found = stripped
    return found[:MOST_CHARACTERS].strip().strip(BLANKS) or "_"


def _unused(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while folded(free) in taken:
        number += 1
        free = f"{name[: MOST_CHARACTERS - ROOM].rstrip()}_{number}"
    taken.add(folded(free))
    return free
