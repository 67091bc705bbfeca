"""Delivered files on their way to a browser: exact bytes, or made safe for a spreadsheet; in pieces that fit memory."""

import codecs
import csv
import io
import re
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from django.utils.translation import gettext as _

from connections.destinations.base import DELIMITERS, DeliveredFile, DeliveryError, FileDestination
from connections.models import Connection
from exports.models import Run
from roles.words import number

# Of the eight threads of the two web processes (config/up/portal.py) at most half wait for slow downloads.
MOST_AT_ONCE = 2
LONGEST_FIELD = 1 << 30
BOM = codecs.BOM_UTF8
# What spreadsheets take for the beginning of a formula, also in the wide letters of East Asian keyboards.
FORMULA = re.compile(r"^[=+\-@\t\r\n＝＋－＠]")
NUMBER = re.compile(r"^[+-](\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?$")
_slots = threading.BoundedSemaphore(MOST_AT_ONCE)
_take_slot, _give_slot = _slots.acquire, _slots.release


class TooManyDownloadsError(Exception):
    """All places for downloads are taken, for people."""


class Download:
    """An open file of a run. Iterate over its bytes once; `close` in any case, also when nothing was read."""

    def __init__(self, run: Run, index: int, *, for_spreadsheet: bool) -> None:
        """Open the file; TooManyDownloadsError, DeliveryError where it is not there as it was delivered."""
        self._stack, self.entry = ExitStack(), run.files[index]
        if not _take_slot(blocking=False):
            raise TooManyDownloadsError(
                _("Too many downloads are under way. Wait until one has ended, then try again.")
            )
        self._stack.callback(_give_slot)
        try:
            self._file = self._open(run.connection)
        except BaseException:
            self.close()
            raise
        self._chunks = self._for_spreadsheet(run) if for_spreadsheet else self._file.chunks()
        self.name = file_name(self.entry["path"], for_spreadsheet=for_spreadsheet)
        self.size = None if for_spreadsheet else self._file.size

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._chunks)

    def close(self) -> None:
        """Let go of the file, its server and the place among the downloads."""
        self._stack.close()

    def _open(self, connection: Connection | None) -> DeliveredFile:
        if connection is None or not isinstance(destination := connection.open(), FileDestination):
            raise TypeError("Only files of a file store can be opened.")
        file = self._stack.enter_context(destination.open_file(self.entry["path"]))
        if file.size != self.entry["bytes"]:
            message = _(
                "The file at the target has %(found)s bytes; %(sent)s were delivered. It was replaced or changed since."
            )
            words = {"found": number(file.size), "sent": number(self.entry["bytes"])}
            raise DeliveryError(message % words, permanent=True)
        return file

    def _for_spreadsheet(self, run: Run) -> Iterator[bytes]:
        chunks = self._file.chunks()
        plain = _unzipped(chunks) if self.entry["path"].endswith(".gz") else chunks
        return defused(plain, self.entry.get("delimiter") or run.export.settings.get("delimiter") or "comma")


def file_name(path: str, *, for_spreadsheet: bool) -> str:
    """Return the name under which a browser keeps the delivered file `path`."""
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "_", path.rpartition("/")[2])
    return name.removesuffix(".gz") if for_spreadsheet else name


def defused(chunks: Iterable[bytes], delimiter: str) -> Iterator[bytes]:
    """Return CSV (UTF-8) for a spreadsheet: with BOM, and no value that it would take for a formula.

    `delimiter` is a name of DELIMITERS, or the character.
    """
    csv.field_size_limit(LONGEST_FIELD)
    character = DELIMITERS.get(delimiter, delimiter)
    block = io.StringIO(newline="")
    writer = csv.writer(block, delimiter=character, lineterminator="\r\n")  # both quoted within values
    yield BOM
    for row in csv.reader(_lines(chunks), delimiter=character):
        writer.writerow([f"'{value}" if is_formula(value) else value for value in row])
        if block.tell() > 1 << 16:
            yield _emptied(block)
    yield _emptied(block)


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


def _unzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Return what is in a gzip file, in pieces of at most 256 kB whatever its ratio."""
    unzip: Any = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        rest = chunk
        while rest:
            if data := unzip.decompress(rest, 1 << 18):
                yield data
            rest = unzip.unconsumed_tail
    if not unzip.eof:
        raise DeliveryError(_("The file at the target ends too early. Run the export again."))
