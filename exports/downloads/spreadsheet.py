"""CSV files made safe for spreadsheets: no value of theirs is computed, however the file is read."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator

from connections.destinations.base import DELIMITERS
from roles.net.spreadsheet import BOM, SUSPECT, harmless

LONGEST_FIELD = 1 << 30
BLOCK = 1 << 16


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
