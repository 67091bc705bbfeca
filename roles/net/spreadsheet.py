"""Makes values safe for spreadsheets, which would compute those that look like formulas."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from django.http.response import HttpResponseBase
from django.utils import timezone

from roles.access.policy import EnvironmentRequest
from roles.net.downloads import download

BOM = codecs.BOM_UTF8
# What spreadsheets take for the beginning of a formula, also in the wide letters of East Asian keyboards.
SIGNS = r"=+\-@＝＋－＠"
SEPARATORS = r";,\t|\r\n"
_NUMBER = r"[+-](?:\d+(?:[.,]\d+)*|[.,]\d+)(?:[eE][+-]?\d+)?"
FORMULA = re.compile(rf"^[{SIGNS}\t\r\n]")
NUMBER = re.compile(rf"^{_NUMBER}\Z")
# A spreadsheet that splits at another delimiter than the file's begins a cell after each of these within a value. What
# follows may begin with blanks and with quotes, which it drops. A number that fills such a cell stays, as in "3; -5".
FORMULA_WITHIN = re.compile(
    rf'([{SEPARATORS}])(?=(?:[^\S{SEPARATORS}]|")*[{SIGNS}])'
    rf'(?!(?:[^\S{SEPARATORS}]|")*{_NUMBER}(?:[^\S{SEPARATORS}]|")*(?:\1|[\r\n]|\Z))'
)
# What a row of harmless values, each after a NUL (PostgreSQL has none in texts), does not contain: most rows need one
# look instead of one per value.
SUSPECT = re.compile(
    rf'[\0{SEPARATORS}](?!(?<=\0){_NUMBER}(?:\0|\Z))(?:(?:[^\S{SEPARATORS}]|")*[{SIGNS}]|(?<=\0)[\t\r\n])'
)


def escaped(value: str) -> str:
    """Return `value` with an apostrophe, by which cells are text, wherever a formula could begin; numbers stay."""
    inside = FORMULA_WITHIN.sub(r"\1'", value)
    return f"'{inside}" if is_formula(value) else inside


def is_formula(value: str) -> bool:
    """Whether a spreadsheet would compute `value` instead of showing it; plain numbers are no formulas."""
    return bool(FORMULA.match(value)) and not NUMBER.match(value)


def as_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as lines of CSV (UTF-8), all values quoted and none that a spreadsheet would compute."""
    block = io.StringIO(newline="")
    writer = csv.writer(block, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        is_suspect = SUSPECT.search("\0" + "\0".join(row))
        writer.writerow([escaped(value) for value in row] if is_suspect else row)
    return block.getvalue().encode()


def as_file(
    request: EnvironmentRequest, lines: Iterator[bytes], name: str, note: Callable[[], object] = lambda: None
) -> HttpResponseBase:
    """Return `lines` of CSV as a download that is called `name` and the day, after calling `note`."""
    name = f"{name}-{timezone.localdate():%Y-%m-%d}.csv"
    return download(request, lines, name, content_type="text/csv; charset=utf-8", note=note)
