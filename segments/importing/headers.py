"""Turns the first line of a file into field names; notes each name that PostgreSQL cannot take unchanged."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from roles.validators import visible
from segments.importing.invisible import note_on_name
from segments.importing.sniffing import ImportRefusedError

MOST_COLUMNS = 1600  # PostgreSQL's
LONGEST_NAME_BYTES = 63  # PostgreSQL's
# Columns that every table of PostgreSQL has.
SYSTEM_COLUMNS = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}


def field_names(header: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the field names, and a note for each that differs from the header. Raises ImportRefusedError."""
    if not any(map(visible, header)):
        raise _refused(_("column names are missing. Add them, separated as the rows are."))
    if len(header) > MOST_COLUMNS:
        text = _("%(count)s columns; a table can have at most %(most)s. Split the file into several tables.")
        raise _refused(text % {"count": f"{len(header):,}", "most": f"{MOST_COLUMNS:,}"})
    for position, name in enumerate(header, start=1):
        if name in SYSTEM_COLUMNS:
            text = _("column %(position)d is called %(name)s, a name reserved by PostgreSQL. Rename it in the file.")
            raise _refused(text % {"position": position, "name": name})
    names: list[str] = []
    notes: list[str] = []
    taken = set(header)
    for position, name in enumerate(header, start=1):
        used, note = _field_name(position, name, names, taken)
        names.append(used)
        notes += filter(None, [note, note_on_name(position, name)])
    return names, notes


def _field_name(position: int, name: str, before: list[str], taken: set[str]) -> tuple[str, str]:
    if not visible(name):
        used = _free(f"column_{position}", {*before, *taken})
        return used, _("Line 1: column %(position)d has no name: it becomes the field %(used)s.") % {
            "position": position,
            "used": used,
        }
    if len(name.encode()) > LONGEST_NAME_BYTES:
        used = _free(name, {*before, *taken})
        text = _("Line 1: the name of column %(position)d has more than %(most)d bytes: it becomes the field %(used)s.")
        return used, text % {"position": position, "most": LONGEST_NAME_BYTES, "used": used}
    if name in before:
        used = _free(name, {*before, *taken})
        text = _("Line 1: column %(position)d is another “%(name)s”: it becomes the field %(used)s.")
        return used, text % {"position": position, "name": name, "used": used}
    return name, ""


def _free(name: str, taken: set[str]) -> str:
    """Return `name` cut to PostgreSQL's length, with a number after it if it is taken."""
    number = 1
    while (used := _cut(name, f"_{number}" if number > 1 else "")) in taken:
        number += 1
    return used


def _cut(name: str, ending: str) -> str:
    return name.encode()[: LONGEST_NAME_BYTES - len(ending)].decode(errors="ignore") + ending


def _refused(problem: str) -> ImportRefusedError:
    return ImportRefusedError(_("Line 1: %(problem)s") % {"problem": problem})
