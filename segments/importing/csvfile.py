"""The CSV file being imported: its header, its bytes checked while read, and where in it something is.

Finding a row reads the file again, and only when something was found wrong in it.
"""

import codecs
import copy
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _

from segments.importing import delimiters, invisible
from segments.importing.headers import LONGEST_NAME_BYTES, field_names
from segments.importing.records import RecordStream, StrayQuoteError
from segments.importing.sniffing import SNIFFED_BYTES, ImportRefusedError, encoding_of

__all__ = ["LONGEST_NAME_BYTES", "CsvFile", "ImportRefusedError"]

READ_BYTES = 1 << 20
LONGEST_RECORD = 100_000_000  # bytes; PostgreSQL holds several times that in memory for one
NUL = "NUL"
END_SIGNS = (b"\x1a", b"\r", b"\n")
END_MARKS = re.compile(rb"\x1a[\x1a\r\n]*\Z")  # programs of CP/M and DOS end a text with 0x1A


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
        self._signs, self._has_end_mark, self._marked = invisible.SignSearch(), False, 0
        self._is_told = bool(delimiter)
        self.delimiter = delimiters.known_delimiter(delimiter) if delimiter else ""
        first = self._first_rows()
        notes = self._divide(first)
        reader = delimiters.parsed(delimiters.lines_of(first), self.delimiter)
        self.header = [name.strip(invisible.MARK) for name in next(reader, [])]
        self.first_row = reader.line_num + 1  # its line
        self.names, self.notes = field_names(self.header)
        self.notes[:0] = notes
        if self._encoding.codec != "utf-8":
            self.notes.insert(0, _("Read as %(encoding)s.") % {"encoding": self._encoding.label})

    def _divide(self, first: str) -> list[str]:
        """Tell the delimiter by the first rows, unless it was named; return what is special about it."""
        if delimiters.EXCELS_LINE.fullmatch(first.partition("\n")[0]):
            raise ImportRefusedError(_("Line 1 contains “sep=”, which only Excel reads. Remove that line."))
        is_cut = self.size > self.position
        fits = delimiters.fits_of(first, is_cut=is_cut, asked=self.delimiter)
        self.delimiter = fits[0].delimiter
        records = delimiters.first_records(first, self.delimiter, is_cut=is_cut)
        if not self._is_told:
            delimiters.refuse_whole_lines(records)
        return delimiters.notes_on(fits) + ([] if self._is_told else delimiters.notes_on_one_column(records))

    @property
    def hides_signs(self) -> bool:
        """Whether the rows read have invisible characters that a key should not have."""
        return self._signs.may_be_in_keys

    def notes_on_rows(self) -> list[str]:
        """Return notes about the rows after they are read."""
        told = []
        if self._marked:
            text = _("Line %(line)d: an extra byte order mark (U+FEFF) is left out. Were files joined?")
            told.append(text % {"line": self._marked})
        if self._has_end_mark:
            told.append(_("End of file: the end mark of old programs (U+001A) is left out."))
        if self._signs.first:
            told.append(self._note_on_sign(self._signs.first, self._signs.line))
        return told

    def _note_on_sign(self, sign: str, line: int) -> str:
        first, fields = self.at(line)
        at = next((place for place, value in enumerate(fields) if sign in value), 0)
        text = _("Line %(line)d, %(column)s: contains an invisible character, %(code)s. It is kept. %(todo)s")
        todo = _("Remove it from the file unless it is intended.")
        details = {"line": first, "column": self.column(at), "code": invisible.code(sign), "todo": todo}
        return text % details

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def chunks(self) -> Iterator[bytes]:
        r"""Yield the file as UTF-8 with records that end with \n, the header included. Raises ImportRefusedError."""
        stream = RecordStream(self.delimiter, keeps_empty=len(self.header) == 1)
        whole, last, lines = copy.copy(stream), b"", 0
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
            start = 0 if lines else _after(cleaned, self.first_row - 1)
            self._signs.look(cleaned[start:], lines or self.first_row - 1)
            lines += cleaned.count(b"\n")
            yield cleaned
        if stream.in_quotes:
            raise self._unclosed(*whole.trouble(last))
        yield stream.end()
        self.rows, self._marked = max(0, stream.records - 1), stream.marked

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (first line, fields) for each record below the header."""
        records = self._all_records()
        next(records, None)
        return ((line, fields or [""]) for line, fields in records)

    def find(self, wanted: Callable[[list[str]], bool]) -> Iterator[tuple[int, list[str]]]:
        """Yield the records whose position is in `wanted`."""
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
        """Return the name of the column with that number (from 0) for people."""
        if field < len(self.names):
            return _("column %(name)s") % {"name": self.names[field]}
        return _("after the last column")

    def how_to_name_delimiter(self, line: int) -> str:
        """Return what to do if the delimiter was guessed wrongly, for errors in the header or first row."""
        if self._is_told or line > self.first_row:
            return ""
        text = _("If %(name)s do not separate the columns, name the delimiter with --delimiter.")
        return text % {"name": delimiters.delimiter_name(self.delimiter)}

    def _all_records(self) -> Iterator[tuple[int, list[str]]]:
        reader = delimiters.parsed(self._lines(), self.delimiter)
        first = 1
        for fields in reader:
            yield first, fields
            first = reader.line_num + 1

    def _lines(self) -> Iterator[str]:
        stream, rest = RecordStream(self.delimiter, checked=False, keeps_empty=True), b""
        for data, _bad in self._utf8():
            lines = (rest + stream.feed(data)).split(b"\n")
            rest = lines.pop()
            yield from (line.decode(errors="replace") + "\n" for line in lines)
        if last := rest + stream.end():
            yield last.decode(errors="replace")

    def _utf8(self) -> Iterator[tuple[bytes, str]]:
        """Yield (UTF-8, "") without a last 0x1A; at a byte that is wrong, or zero, what is before it and its name."""
        held = b""  # 0x1A and line ends, which may be the file's last
        for data, bad in self._decoded():
            whole = held + data
            end = END_MARKS.search(whole, len(whole.rstrip(b"\x1a\r\n"))) if whole[-1:] in END_SIGNS else None
            held = b"" if bad or not end else end[0]
            yield whole[: len(whole) - len(held)], bad
        self._has_end_mark = self._has_end_mark or bool(held)

    def _decoded(self) -> Iterator[tuple[bytes, str]]:
        self._file.seek(self._encoding.mark_bytes)
        decoder = codecs.getincrementaldecoder(self._encoding.codec)()
        self.position, chunk, begun = self._encoding.mark_bytes, b"-", b""
        while chunk:
            chunk = self._file.read(READ_BYTES)
            self.position += len(chunk)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                yield self._until_wrong(error, is_last=not chunk)
                return
            if self._encoding.codec == "utf-8":  # the bytes as they are, in whole characters
                data, begun = begun + chunk, decoder.getstate()[0]
                data = data[: len(data) - len(begun)]
            else:
                data = text.encode()
            if found := _until_zero(data):
                yield found
                return
            yield data, ""

    def _until_wrong(self, error: UnicodeDecodeError, *, is_last: bool) -> tuple[bytes, str]:
        good = error.object[: error.start].decode(self._encoding.codec).encode()
        wrong = error.object[error.start : error.end]
        if is_last and wrong == b"\x1a":  # a byte, where two or four make a letter
            return good + wrong, ""
        hexes = wrong.hex(" ").upper()
        return _until_zero(good) or (good, _("the byte 0x%(hex)s") % {"hex": hexes})

    def _first_rows(self) -> str:
        """Return the begin of the file, with all of its first record."""
        parts = self._utf8()
        data, bad = next(parts, (b"", ""))
        parts.close()  # type: ignore[attr-defined]
        stream = RecordStream(",", checked=False)
        text = (stream.feed(data) + stream.end()).decode(errors="replace")
        if stream.rows:
            return text
        if bad:
            fits = delimiters.fits_of(text, asked=self.delimiter)
            raise self._wrong_byte_in_header(fits[0].columns or 1, bad)
        if stream.in_quotes or self.size > self.position:
            text = _("Line 1: the column names do not end. Is a double quote not closed?")
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
            text = _("Line %(line)d, %(column)s: contains a NUL byte. %(todo)s")
        details = {"line": stream.lines + 1, "column": self.column(stream.fields), "bad": bad}
        return ImportRefusedError(text % {**details, "encoding": self._encoding.label, "todo": self._todo(bad)})

    def _todo(self, bad: str) -> str:
        if bad == NUL:
            return _("Text cannot contain it. Save the file again, or name its encoding, e.g. --encoding utf-16-le.")
        if self._encoding.codec == "utf-8":
            return _("Save the file as CSV UTF-8, or name its encoding, e.g. --encoding windows-1252.")
        return _("The file is damaged or has another encoding. Save it again as CSV UTF-8.")

    def _stray(self, line: int, field: int) -> ImportRefusedError:
        text = _(
            "Line %(line)d, %(column)s: a double quote inside a field. Put the whole field in double quotes and "
            'double those inside, as in "5"" disk".'
        )
        said = text % {"line": line, "column": self.column(field)}
        return ImportRefusedError(" ".join(filter(None, [said, self.how_to_name_delimiter(line)])))

    def _unclosed(self, line: int, field: int) -> ImportRefusedError:
        text = _("Line %(line)d, %(column)s: a double quote opens here and is not closed. Close or remove it.")
        return ImportRefusedError(text % {"line": line, "column": self.column(field)})

    def _too_long(self, line: int, field: int) -> ImportRefusedError:
        text = _("Line %(line)d, %(column)s: the row is larger than %(most)d MB. Is a double quote not closed?")
        details = {"line": line, "column": self.column(field), "most": LONGEST_RECORD // 1_000_000}
        return ImportRefusedError(text % details)


def _after(data: bytes, lines: int) -> int:
    """Return the position in `data` after that many lines, at most its length."""
    place = 0
    for _line in range(lines):
        place = data.find(b"\n", place) + 1 or len(data)
    return place


def _until_zero(data: bytes) -> tuple[bytes, str] | None:
    """Return the bytes before the first zero byte, and that byte; None if there is none."""
    zero = data.find(b"\0")
    return None if zero < 0 else (data[:zero], NUL)


def _seekable(source: str | Path | BinaryIO) -> BinaryIO:
    """Open `source`; copy it to a temporary file if it can be read only once (a pipe)."""
    if not isinstance(source, str | Path):
        return source if source.seekable() else _copied(source)
    path = Path(source)
    if path.is_dir():
        raise ImportRefusedError(_("%(path)s is a directory. Name a CSV file in it.") % {"path": path})
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise ImportRefusedError(_("File %(path)s not found. Check its name and path.") % {"path": path}) from None
    except PermissionError:
        text = _("%(path)s cannot be read by this account. Change its permissions, or run as another account.")
        raise ImportRefusedError(text % {"path": path}) from None
    return file if file.seekable() else _copied(file)


def _copied(source: BinaryIO) -> BinaryIO:
    copied = tempfile.TemporaryFile()  # noqa: SIM115 - CsvFile closes it
    shutil.copyfileobj(source, copied, READ_BYTES)
    return copied
