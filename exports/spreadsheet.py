"""CSV files made safe for spreadsheets: no value of theirs is computed, however the file is read."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator

from connections.destinations.base import DELIMITERS

LONGEST_FIELD = 1 << 30
BLOCK = 1 << 16
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


def defused(chunks: Iterable[bytes], delimiter: str) -> Iterator[bytes]:
    """Return CSV (UTF-8) for a spreadsheet: with BOM, every value quoted, none that it would take for a formula.

    `delimiter` is a name of DELIMITERS, or the character.
    """
    csv.field_size_limit(LONGEST_FIELD)
    character = DELIMITERS.get(delimiter, delimiter)
    block = io.StringIO(newline="")
    writer = csv.writer(block, delimiter=character, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    yield BOM
    for row in csv.reader(_lines(chunks), delimiter=character):
        is_suspect = SUSPECT.search("\0" + "\0".join(row))
        writer.writerow([harmless(value) for value in row] if is_suspect else row)
        if block.tell() > BLOCK:
            yield _emptied(block)
    yield _emptied(block)


def harmless(value: str) -> str:
    """Return `value` with an apostrophe, by which cells are text, wherever a formula could begin; numbers stay."""
    inside = FORMULA_WITHIN.sub(r"\1'", value)
    return f"'{inside}" if is_formula(value) else inside


def is_formula(value: str) -> bool:
    """Tell whether a spreadsheet would compute `value` instead of showing it; a plain number is none."""
    return bool(FORMULA.match(value)) and not NUMBER.match(value)


def _emptied(block: io.StringIO) -> bytes:
    data = block.getvalue().encode()
    block.seek(0)
    block.truncate()
    return data


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Return the text's lines with their ends, so that the CSV reader sees line breaks within values as they are."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    begun: list[str] = []
    for chunk in chunks:
        *whole, rest = decode(chunk).split("\n")
        for line in whole:
            yield "".join([*begun, line, "\n"])
            begun = []
        begun.append(rest)
    last = "".join([*begun, decode(b"", final=True)])
    if last:
        yield last
