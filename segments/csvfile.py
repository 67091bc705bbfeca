"""The CSV file that is imported: its header, its bytes checked on the way, and where in it something stands.

Finding a place reads the file again, and only when something was found wrong.
"""

import codecs
import csv
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _

READ_BYTES = 1 << 20
MOST_COLUMNS = 1000
LONGEST_NAME_BYTES = 63  # PostgreSQL's names
# Columns that every table of PostgreSQL has.
SYSTEM_COLUMNS = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class ImportRefusedError(Exception):
    """The file cannot be imported, or not now; the text names the line and column. Nothing was changed."""


class CsvFile:
    """A CSV file in UTF-8 with a header line. Fields are divided by commas, quoted with double quotes."""

    def __init__(self, source: str | Path | BinaryIO) -> None:
        self._file = _seekable(source)
        self._start = self._skip_mark()
        self.header = self._read_header()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def chunks(self) -> Iterator[bytes]:
        """Yield the file's bytes, the header line included, once they are known to be UTF-8 without NUL."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        self._file.seek(self._start)
        position = self._start
        while chunk := self._file.read(READ_BYTES):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                raise self._wrong_byte(position - pending + error.start) from None
            if (zero := chunk.find(b"\0")) >= 0:
                raise self._wrong_byte(position + zero)
            yield chunk
            position += len(chunk)
        if pending := len(decoder.getstate()[0]):
            raise self._wrong_byte(position - pending)

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (first line, fields) for each record below the header; wrong bytes are kept as lone surrogates."""
        for line, fields in self._all_records():
            if line > 1 or fields != self.header:
                yield line, fields

    def find(self, wanted: Callable[[list[str]], bool]) -> Iterator[tuple[int, list[str]]]:
        """Yield the records that `wanted` tells."""
        return ((line, fields) for line, fields in self.records() if wanted(fields))

    def at(self, line: int) -> tuple[int, list[str]]:
        """Return the record that contains `line`: its first line and its fields."""
        found = (1, self.header)
        for first, fields in self._all_records():
            if first > line:
                break
            found = first, fields
        return found

    def _all_records(self) -> Iterator[tuple[int, list[str]]]:
        self._file.seek(self._start)
        csv.field_size_limit(sys.maxsize)
        text = io.TextIOWrapper(self._file, encoding="utf-8", errors="surrogateescape", newline="")
        try:
            reader = csv.reader(text)
            first = 1
            for fields in reader:
                yield first, fields
                first = reader.line_num + 1
        finally:
            text.detach()

    def _skip_mark(self) -> int:
        self._file.seek(0)
        start = self._file.read(4)
        if not start:
            raise ImportRefusedError(_("The file is empty. It needs at least a line with the names of its columns."))
        if start[:2] in UTF16:
            raise ImportRefusedError(_("The file is in UTF-16. Save it as CSV UTF-8 and import that."))
        return 3 if start.startswith(codecs.BOM_UTF8) else 0

    def _read_header(self) -> list[str]:
        records = self._all_records()
        _line, header = next(records, (1, []))
        records.close()  # type: ignore[attr-defined]
        problem = _header_problem(header)
        if problem:
            raise ImportRefusedError(_("Line 1: %(problem)s") % {"problem": problem})
        return header

    def _wrong_byte(self, position: int) -> ImportRefusedError:
        self._file.seek(position)
        byte = self._file.read(1)
        line = self._line_of(position)
        if byte == b"\0":
            text = _("Line %(line)d: there is a NUL byte. Is the file in UTF-16? Save it as CSV UTF-8.")
            return ImportRefusedError(text % {"line": line})
        text = _("Line %(line)d, %(column)s: the byte 0x%(byte)s is not UTF-8. Save the file as CSV UTF-8.")
        column = self._column_of_wrong_byte(line)
        return ImportRefusedError(text % {"line": line, "column": column, "byte": byte.hex().upper()})

    def _line_of(self, position: int) -> int:
        self._file.seek(self._start)
        left, line = position - self._start, 1
        while left > 0 and (chunk := self._file.read(min(left, READ_BYTES))):
            line += chunk.count(b"\n")
            left -= len(chunk)
        return line

    def _column_of_wrong_byte(self, line: int) -> str:
        _first, fields = self.at(line)
        for name, value in zip(self.header, fields, strict=False):
            if _is_broken(value):
                return _("column %(name)s") % {"name": name}
        return _("after the last column")


def _header_problem(header: list[str]) -> str:
    """Say what is wrong with the names of the columns, "" if nothing."""
    if not header:
        return _("the names of the columns are missing.")
    if len(header) > MOST_COLUMNS:
        return _("there are %(count)d columns, at most %(most)d fit.") % {"count": len(header), "most": MOST_COLUMNS}
    problems = (_name_problem(position, name, header) for position, name in enumerate(header, start=1))
    return next(filter(None, problems), "")


def _name_problem(position: int, name: str, header: list[str]) -> str:
    if not name.strip():
        return _("column %(position)d has no name.") % {"position": position}
    if "\0" in name or _is_broken(name):
        return _byte_problem(position, name)
    if name in SYSTEM_COLUMNS:
        details = {"position": position, "name": name}
        text = _("column %(position)d is called %(name)s, which PostgreSQL keeps for itself. Rename it in the file.")
        return text % details
    if len(name.encode()) > LONGEST_NAME_BYTES:
        return _("the column name “%(name)s…” is longer than 63 bytes. Shorten it.") % {"name": name[:30]}
    if name in header[: position - 1]:
        return _("two columns are called %(name)s.") % {"name": name}
    return ""


def _byte_problem(position: int, name: str) -> str:
    text = _("the name of column %(position)d is not UTF-8.")
    if "\0" in name:
        text = _("the name of column %(position)d contains a NUL byte. Is the file in UTF-16? Save it as CSV UTF-8.")
    return text % {"position": position}


def _is_broken(text: str) -> bool:
    """Tell whether the text has bytes that are not UTF-8 (kept as lone surrogates)."""
    return any("\udc80" <= letter <= "\udcff" for letter in text)


def _seekable(source: str | Path | BinaryIO) -> BinaryIO:
    """Open `source`; what cannot be read twice (a pipe) is first copied to a temporary file."""
    if isinstance(source, str | Path):
        return Path(source).open("rb")
    if source.seekable():
        return source
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - CsvFile closes it
    shutil.copyfileobj(source, copy, READ_BYTES)
    return copy
