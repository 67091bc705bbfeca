"""Recognizes a file by its first bytes: its encoding, or that it is no CSV file."""

import codecs
from dataclasses import dataclass

from django.utils.translation import gettext as _

SNIFFED_BYTES = 4096
# The longest mark first: that of UTF-32 begins with one of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Encodings that a mark must complete: without one nobody knows which byte comes first.
UNMARKED = {"utf-16", "utf-32"}
# Codecs of Python for single words and its own source code. What they read may be no text that can be stored.
NOT_OF_FILES = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"}
UNPACK = "%(tool)s FILE | manage.py import_table … -"
# How a file of that kind begins, what it is called, and what unpacks it ("" if it has to be saved anew).
KINDS = (
    (b"\x1f\x8b", "gzip", "gunzip -c"),
    (b"BZh", "bzip2", "bunzip2 -c"),
    (b"\xfd7zXZ\0", "xz", "xz -dc"),
    (b"\x28\xb5\x2f\xfd", "Zstandard", "zstd -dc"),
    (b"PK\x03\x04", "ZIP", ""),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", ""),
    (b"PAR1", "a Parquet file", ""),
    (b"%PDF-", "a PDF file", ""),
    (b"SQLite format 3\0", "an SQLite file", ""),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file", ""),
)


class ImportRefusedError(Exception):
    """The file cannot be imported (now); the text names line and column. Nothing has changed."""


@dataclass(frozen=True)
class Encoding:
    """The encoding of the file's text, and the length of its byte order mark."""

    codec: str
    mark_bytes: int = 0

    @property
    def label(self) -> str:
        """Its name for people, such as UTF-16LE or windows-1252."""
        if self.codec.startswith("cp125"):
            return self.codec.replace("cp", "windows-")
        return self.codec.upper().replace("UTF-16-", "UTF-16").replace("UTF-32-", "UTF-32")


def encoding_of(start: bytes, asked: str = "") -> Encoding:
    """Return the encoding: that of the file's mark, else `asked`, else what its zero bytes tell, else UTF-8.

    Raises ImportRefusedError for an empty file, one that is no text, and an unknown `asked`.
    """
    if not start:
        raise ImportRefusedError(_("The file is empty. It needs at least a line with column names."))
    _refuse_other_kinds(start)
    for mark, codec in MARKS:
        if start.startswith(mark):
            return Encoding(codec, len(mark))
    if asked:
        return Encoding(_known_codec(asked))
    return Encoding(_codec_by_zeros(start))


def _known_codec(asked: str) -> str:
    codec = _codec_of_text(asked)
    if codec in UNMARKED:
        text = _("The file has no byte order mark. Instead of %(name)s, use %(name)s-le or %(name)s-be.")
        raise ImportRefusedError(text % {"name": codec})
    if not codec or codec in NOT_OF_FILES:
        text = _("Unknown encoding %(name)s. Common encodings: utf-8, utf-16-le, windows-1252, iso-8859-15.")
        raise ImportRefusedError(text % {"name": repr(asked[:40])[1:-1]})
    return codec


def _codec_of_text(asked: str) -> str:
    """Return Python's name of the encoding, "" if it knows none of texts by that name."""
    try:
        "".encode(asked)  # only codecs of text can do that
        return codecs.lookup(asked).name
    except (LookupError, ValueError):  # a name with a zero byte, a codec that refuses everything
        return ""


def _codec_by_zeros(start: bytes) -> str:
    """Delimiters and Latin letters have a zero as one of the two bytes of UTF-16, always on the same side."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    least = len(start) / 8
    if odd > least and odd > 8 * even:
        return "utf-16-le"
    if even > least and even > 8 * odd:
        return "utf-16-be"
    return "utf-8"


def _refuse_other_kinds(start: bytes) -> None:
    for magic, name, unpack in KINDS:
        if not start.startswith(magic):
            continue
        if unpack:
            text = _("The file is compressed with %(name)s. Unpack it while importing: %(command)s")
            raise ImportRefusedError(text % {"name": name, "command": UNPACK % {"tool": unpack}})
        if name == "ZIP":
            text = _("The file is a ZIP archive or an Excel workbook. Unpack it, or save the sheet as “CSV UTF-8”.")
            raise ImportRefusedError(text)
        text = _("The file is %(name)s, not CSV. Save or export its rows as “CSV UTF-8” and import that file.")
        raise ImportRefusedError(text % {"name": name})
