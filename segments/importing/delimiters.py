"""Finds the delimiter of a CSV file from its header and first rows, and refuses files without columns."""

import csv
import io
import itertools
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from segments.importing.sniffing import ImportRefusedError

if TYPE_CHECKING:
    import _csv

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
ROWS_SEEN = 100
# Texts and numbers have commas, seldom the others: of two that fit as well, the one that is rarer in texts is meant.
RARITY = ",|;\t"
OTHERS = "^~:\x1f"  # what some programs write between columns, and no import reads
EXCELS_LINE = re.compile(r'"?sep=.?"?[,;|\s]*', re.IGNORECASE)


@dataclass(frozen=True)
class Fit:
    """What header and first rows look like if `delimiter` divides them."""

    delimiter: str
    columns: int
    agreeing: float  # share of the rows with as many fields as the header
    is_tight: bool  # no field begins with a blank, as those of a sentence do after its commas

    @property
    def rank(self) -> tuple[float, bool, int, int]:
        """The best fit has the greatest rank."""
        return self.agreeing, self.is_tight, self.columns, RARITY.index(self.delimiter)


def lines_of(text: str) -> Iterable[str]:
    r"""Return the lines of `text`, divided at \n only."""
    return io.StringIO(text, newline="\n")


def parsed(lines: Iterable[str], delimiter: str) -> "_csv.Reader":
    """Return the fields of each record; the reader's `line_num` counts the lines."""
    csv.field_size_limit(sys.maxsize)
    return csv.reader(lines, delimiter=delimiter)


def first_records(text: str, delimiter: str, *, is_cut: bool = False) -> list[list[str]]:
    """Return the header and first rows of `text`; `is_cut` says that its end is missing."""
    records = list(itertools.islice(parsed(lines_of(text), delimiter), ROWS_SEEN + 1))
    return records[:-1] if is_cut and 1 < len(records) <= ROWS_SEEN else records


def fits_of(text: str, *, is_cut: bool = False, asked: str = "") -> list[Fit]:
    """Return the possible delimiters, the likeliest first; only `asked` if that is given."""
    tried = [asked] if asked else DELIMITERS.values()
    fits = [_fit(first_records(text, delimiter, is_cut=is_cut), delimiter) for delimiter in tried]
    several = [fit for fit in fits if fit.columns > 1]
    return sorted(several, key=lambda fit: fit.rank, reverse=True) or fits[:1]


def _fit(records: list[list[str]], delimiter: str) -> Fit:
    header, rows = records[0] if records else [], [row for row in records[1:] if row]
    agreeing = sum(len(row) == len(header) for row in rows) / len(rows) if rows else 1.0
    is_tight = not any(field.startswith(" ") for record in records for field in record)
    return Fit(delimiter, len(header), agreeing, is_tight)


def known_delimiter(asked: str) -> str:
    """Return the character for a delimiter or its name. Raises ImportRefusedError."""
    delimiter = DELIMITERS.get(asked, asked)
    if delimiter not in DELIMITERS.values():
        text = _("“%(name)s” is not a valid delimiter. Use one of: %(known)s.")
        raise ImportRefusedError(text % {"name": asked, "known": ", ".join(DELIMITERS)})
    return delimiter


def delimiter_name(delimiter: str) -> str:
    """Return the delimiter's name for people."""
    names = {",": _("commas"), ";": _("semicolons"), "\t": _("tabs"), "|": _("pipes")}
    return names[delimiter]


def notes_on(fits: list[Fit]) -> list[str]:
    """Return notes about the chosen delimiter, the first of `fits`."""
    chosen, *others = fits
    name = delimiter_name(chosen.delimiter)
    also = [fit.delimiter for fit in others if fit.agreeing == chosen.agreeing == 1.0]
    if also:
        text = _(
            "Read with %(name)s between the columns. The first rows also fit %(others)s: if those separate the "
            "columns, import again with --delimiter %(option)s."
        )
        option = next(option for option, delimiter in DELIMITERS.items() if delimiter == also[0])
        others_named = ", ".join(map(delimiter_name, also))
        return [text % {"name": name, "others": others_named, "option": option}]
    if chosen.delimiter == ",":
        return []
    return [_("Read with %(name)s between the columns.") % {"name": name}]


def refuse_whole_lines(records: list[list[str]]) -> None:
    """Refuse a file whose lines are each quoted as one value. Raises ImportRefusedError."""
    names, values = _only_column(records)
    for delimiter in DELIMITERS.values():
        if values and all(delimiter in value for value in [*names, *values]):
            text = _(
                "Line 1: the only column would be “%(name)s”. Each line is in double quotes as one value: save the "
                "file without them. If it is one column, import it with --delimiter %(option)s."
            )
            option = next(name for name, other in DELIMITERS.items() if other not in names[0])
            raise ImportRefusedError(text % {"name": names[0][:80], "option": option})


def notes_on_one_column(records: list[list[str]]) -> list[str]:
    """Return notes about a file that may have more columns than were found."""
    names, values = _only_column(records)
    for sign in OTHERS:
        if values and {value.count(sign) for value in [*names, *values]} == {names[0].count(sign)} != {0}:
            text = _(
                "Line 1: “%(name)s” is the only column. If “%(sign)s” separates columns, save the file with "
                "commas, semicolons, tabs or pipes instead."
            )
            shown = sign if sign.isprintable() else f"U+{ord(sign):04X}"
            return [text % {"name": names[0][:80], "sign": shown}]
    return []


def _only_column(records: list[list[str]]) -> tuple[list[str], list[str]]:
    """Return name and first values of the only named column; no values if there are several columns."""
    named = [position for position, name in enumerate(records[0]) if name.strip()] if records else []
    if len(named) != 1:
        return [], []
    place = named[0]
    return [records[0][place]], [row[place] for row in records[1:] if len(row) > place and row[place]]
