"""The CSV file that is imported: its header, its bytes checked on the way, and where in it something stands.

Finding a row reads the file again, and only when something was found wrong in it.
"""

import codecs
import copy
import csv
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from django.utils.translation import gettext as _

from segments.headers import LONGEST_NAME_BYTES, field_names
from segments.records import RecordStream, StrayQuoteError
from segments.sniffing import SNIFFED_BYTES, ImportRefusedError, delimiter_name, delimiter_of, encoding_of, lines_of

if TYPE_CHECKING:
    import _csv

__all__ = ["LONGEST_NAME_BYTES", "CsvFile", "ImportRefusedError"]

READ_BYTES = 1 << 20
LONGEST_RECORD = 100_000_000  # bytes; PostgreSQL holds several times that in memory for one
NUL = "NUL"


class CsvFile:
    """A CSV file with a header line. `names` are its columns' names as fields, `notes` what is special about it.

    `size` and `position` (bytes) and `rows` say how far `chunks` has come. What is not said by `encoding` and
    `delimiter` is told by the file.
    """

    def __init__(self, source: str | Path | BinaryIO, *, encoding: str = "", delimiter: str = "") -> None:
        self._file = _seekable(source)
        try:
            self._open(encoding, delimiter)
        except BaseException:
            self._file.close()
            raise

    def _open(self, encoding: str, delimiter: str) -> None:
        self.position = self.rows = 0
        self.size = self._file.seek(0, 2)
        self._file.seek(0)
        self._encoding = encoding_of(self._file.read(SNIFFED_BYTES), encoding)
        first = self._first_rows(delimiter)
        self.delimiter = delimiter_of(first, delimiter)
        self.header: list[str] = next(self._parsed(first.splitlines(keepends=True)), [])
        if (len(self.header) == 2 and self.header[0].lower() == "sep=") or self.header[0:1] == ["sep="]:
            raise ImportRefusedError(_("Line 1 says “sep=”, which only Excel reads. Remove that line."))
        self.names, self.notes = field_names(self.header)
        if self.delimiter != ",":
            self.notes.insert(
                0, _("Read with %(name)s between the columns.") % {"name": delimiter_name(self.delimiter)}
            )
        if self._encoding.codec != "utf-8":
            self.notes.insert(0, _("Read as %(encoding)s.") % {"encoding": self._encoding.label})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def chunks(self) -> Iterator[bytes]:
        r"""Yield the file as UTF-8 with records that end with \n, the header included. Raises ImportRefusedError."""
        stream = RecordStream(self.delimiter, keeps_empty=len(self.header) == 1)
        whole, last = copy.copy(stream), b""
        for data, bad in self._utf8():
            before = copy.copy(stream)
            try:
                cleaned = stream.feed(data)
            except StrayQuoteError:
                raise self._stray(*before.trouble(data)) from None
            if stream.rows > before.rows:
                whole, last = before, data
            if bad:
                stream.end()
                raise self._wrong_byte(stream, bad)
            if stream.open_bytes > LONGEST_RECORD:
                raise self._too_long(*whole.trouble(last))
            self.rows = max(0, stream.rows - 1)
            yield cleaned
        if stream.in_quotes:
            raise self._unclosed(*whole.trouble(last))
        yield stream.end()

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (first line, fields) for each record below the header."""
        records = self._all_records()
        next(records, None)
        return ((line, fields or [""]) for line, fields in records)

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

    def column(self, field: int) -> str:
        """Name the column of that number (from 0) for people."""
        if field < len(self.names):
            return _("column %(name)s") % {"name": self.names[field]}
        return _("after the last column")

    def _all_records(self) -> Iterator[tuple[int, list[str]]]:
        reader = self._parsed(self._lines())
        first = 1
        for fields in reader:
            yield first, fields
            first = reader.line_num + 1

    def _parsed(self, lines: Iterable[str]) -> "_csv.Reader":
        csv.field_size_limit(sys.maxsize)
        return csv.reader(lines, delimiter=self.delimiter)

    def _lines(self) -> Iterator[str]:
        stream, rest = RecordStream(self.delimiter, checked=False, keeps_empty=True), b""
        for data, _bad in self._utf8():
            lines = (rest + stream.feed(data)).split(b"\n")
            rest = lines.pop()
            yield from (line.decode(errors="replace") + "\n" for line in lines)
        yield (rest + stream.end()).decode(errors="replace")

    def _utf8(self) -> Iterator[tuple[bytes, str]]:
        """Yield (UTF-8, ""); at a byte that is none of the encoding, or zero, what is before it and its name."""
        self._file.seek(self._encoding.mark_bytes)
        decoder = codecs.getincrementaldecoder(self._encoding.codec)()
        self.position, chunk = self._encoding.mark_bytes, b"-"
        while chunk:
            chunk = self._file.read(READ_BYTES)
            self.position += len(chunk)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(self._encoding.codec)
                wrong = error.object[error.start : error.end].hex(" ").upper()
                yield _until_zero(good.encode()) or (good.encode(), _("the byte 0x%(hex)s") % {"hex": wrong})
                return
            data = chunk if self._encoding.codec == "utf-8" else text.encode()
            if found := _until_zero(data):
                yield found
                return
            yield data, ""

    def _first_rows(self, delimiter: str) -> str:
        """Return the begin of the file, with all of its first record."""
        parts = self._utf8()
        data, bad = next(parts, (b"", ""))
        parts.close()  # type: ignore[attr-defined]
        stream = RecordStream(",", checked=False)
        text = (stream.feed(data) + stream.end()).decode(errors="replace")
        if stream.rows:
            return text
        if bad:
            count = len(next(csv.reader(lines_of(text), delimiter=delimiter_of(text, delimiter)), [""]))
            raise self._wrong_byte_in_header(count, bad)
        if stream.in_quotes or self.size > self.position:
            text = _("Line 1: the names of the columns do not end. Is a double quote in them never closed?")
            raise ImportRefusedError(text)
        return text

    def _wrong_byte_in_header(self, position: int, bad: str) -> ImportRefusedError:
        text = _("Line 1: the name of column %(position)d is not %(encoding)s. %(todo)s")
        if bad == NUL:
            text = _("Line 1: the name of column %(position)d contains a NUL byte. %(todo)s")
        details = {"position": position, "encoding": self._encoding.label, "todo": self._todo(bad)}
        return ImportRefusedError(text % details)

    def _wrong_byte(self, stream: RecordStream, bad: str) -> ImportRefusedError:
        text = _("Line %(line)d, %(column)s: %(bad)s is not %(encoding)s. %(todo)s")
        if bad == NUL:
            text = _("Line %(line)d, %(column)s: there is a NUL byte. %(todo)s")
        details = {"line": stream.lines + 1, "column": self.column(stream.fields), "bad": bad}
        return ImportRefusedError(text % {**details, "encoding": self._encoding.label, "todo": self._todo(bad)})

    def _todo(self, bad: str) -> str:
        if bad == NUL:
            return _("No text has one. Write the file again, or name its encoding, such as --encoding utf-16-le.")
        if self._encoding.codec == "utf-8":
            return _("Save the file as CSV UTF-8, or name its encoding, such as --encoding windows-1252.")
        return _("It is damaged or of another encoding. Write it again as CSV UTF-8.")

    def _stray(self, line: int, field: int) -> ImportRefusedError:
        text = _(
            "Line %(line)d, %(column)s: a double quote stands inside a field. Put the whole field in double quotes"
            ' and double those inside, as in "5"" disk".'
        )
        return ImportRefusedError(text % {"line": line, "column": self.column(field)})

    def _unclosed(self, line: int, field: int) -> ImportRefusedError:
        text = _("Line %(line)d, %(column)s: a double quote opens here and is never closed. Close or remove it.")
        return ImportRefusedError(text % {"line": line, "column": self.column(field)})

    def _too_long(self, line: int, field: int) -> ImportRefusedError:
        text = _("Line %(line)d, %(column)s: the row has more than %(most)d MB. Is a double quote there never closed?")
        details = {"line": line, "column": self.column(field), "most": LONGEST_RECORD // 1_000_000}
        return ImportRefusedError(text % details)


def _until_zero(data: bytes) -> tuple[bytes, str] | None:
    """Return what is before the first zero byte, and that; None if there is none."""
    zero = data.find(b"\0")
    return None if zero < 0 else (data[:zero], NUL)


def _seekable(source: str | Path | BinaryIO) -> BinaryIO:
    """Open `source`; what cannot be read twice (a pipe) is first copied to a temporary file."""
    if not isinstance(source, str | Path):
        return source if source.seekable() else _copied(source)
    path = Path(source)
    if path.is_dir():
        raise ImportRefusedError(_("%(path)s is a directory. Name one CSV file in it.") % {"path": path})
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise ImportRefusedError(_("There is no file %(path)s. Check its name and place.") % {"path": path}) from None
    except PermissionError:
        text = _("%(path)s may not be read by this account. Change its permissions, or run as another account.")
        raise ImportRefusedError(text % {"path": path}) from None
    return file if file.seekable() else _copied(file)


def _copied(source: BinaryIO) -> BinaryIO:
    copied = tempfile.TemporaryFile()  # noqa: SIM115 - CsvFile closes it
    shutil.copyfileobj(source, copied, READ_BYTES)
    return copied
