"""CSV as it is delivered (docs/files.md): its options, how PostgreSQL writes it, and how a spreadsheet may open it."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import psycopg
from django import forms
from django.utils.translation import gettext_lazy as _
from psycopg import sql

from connections.destinations.base import SettingsForm
from exports.formats.base import Format, Settings, Target
from exports.formats.compressing import gzipped, unzipped
from roles.net.spreadsheet import BOM, SUSPECT, escaped
from segments.warehouse.copying import CopyOut

# What may stand between the values of a line: choice to character. Comma where none is stored.
DELIMITERS: dict[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
LONGEST_FIELD = 1 << 30
BLOCK = 1 << 16  # characters that are made for a spreadsheet at a time


class CsvForm(SettingsForm):
    """What an export is asked for."""

    delimiter = forms.ChoiceField(
        label=_("Delimiter"),
        choices=[
            ("comma", _("Comma ( , )")),
            ("semicolon", _("Semicolon ( ; )")),
            ("tab", _("Tab")),
            ("pipe", _("Pipe ( | )")),
        ],
        initial="comma",
        required=False,
        help_text=_("Character that separates values."),
    )
    compression = forms.ChoiceField(
        label=_("Compression"),
        choices=[("none", _("None: plain CSV files")), ("gzip", _("Gzip: smaller files, ending in .csv.gz"))],
        initial="none",
        widget=forms.RadioSelect,
    )

    def clean_delimiter(self) -> str:
        """Take a comma where nothing was chosen."""
        return self.cleaned_data["delimiter"] or "comma"


@dataclass(frozen=True)
class Csv(Format):
    """UTF-8, a header, line feeds, and PostgreSQL's quotes: only where a value needs them, doubled inside."""

    delimiter: str = ","
    is_compressed: bool = False

    slug = "csv"
    label = _("CSV")
    form = CsvForm
    suffixes = (".csv", ".csv.gz")
    spreadsheet_type = "text/csv; charset=utf-8"
    help_title = _("CSV files")
    help_text = _(
        "UTF-8 with a header line, the chosen delimiter, quotes where needed, and a line feed at the end of each "
        "line. File names end in .csv whatever the delimiter, or in .csv.gz with gzip."
    )

    @classmethod
    def of(cls, settings: Settings) -> "Csv":
        """Return the format that an export's `settings` ask for; a comma and no compression where they say nothing."""
        return cls(_character(settings), settings.get("compression") == "gzip")

    @classmethod
    def of_file(cls, entry: Settings, settings: Settings) -> "Csv":
        """Return the format of a delivered file; older ones did not note their delimiter."""
        return cls(entry.get("delimiter") or _character(settings), entry["path"].endswith(".gz"))

    @property
    def suffix(self) -> str:
        """How the names of data files end; `.csv` whatever the delimiter."""
        return ".csv.gz" if self.is_compressed else ".csv"

    @property
    def media_type(self) -> str:
        """The media type of data files."""
        return "application/gzip" if self.is_compressed else "text/csv; charset=utf-8; header=present"

    @property
    def compression(self) -> str | None:
        """What whole files are compressed with."""
        return "gzip" if self.is_compressed else None

    @property
    def entry(self) -> dict[str, Any]:
        """What Run.files keeps; the format is the usual one."""
        return {"delimiter": self.delimiter}

    @property
    def manifest(self) -> dict[str, Any]:
        """What the manifest says about how data files are written."""
        return {
            "encoding": "UTF-8",
            "delimiter": self.delimiter,
            "header": True,
            "quote": '"',
            "null": "",
            "compression": self.compression or "none",
        }

    @property
    def model_settings(self) -> dict[str, Any]:
        """What model.json says of the files: quotes only where they are needed, doubled inside."""
        return {
            "$type": "CsvFormatSettings",
            "columnHeaders": True,
            "delimiter": self.delimiter,
            "quoteStyle": "QuoteStyle.Csv",
            "csvStyle": "CsvStyle.QuoteAfterDelimiter",
        }

    def write(
        self,
        connection: psycopg.Connection[Any],
        query: sql.Composed,
        names: Sequence[str],
        target: Target,
        report: Callable[[int], None],
    ) -> int:
        """Write the header and the rows, in the bytes that PostgreSQL makes of them."""
        # The header is ours: PostgreSQL would cut names to 63 bytes.
        options = sql.SQL("FORMAT csv, HEADER false, DELIMITER {}, ENCODING 'UTF8'").format(self.delimiter)
        copy = CopyOut(connection, sql.SQL("COPY ({}) TO STDOUT ({})").format(query, options))
        with gzipped(target) if self.is_compressed else nullcontext(target) as file:
            file.write(self.header_line(names))
            for chunk in copy:
                file.write(chunk)
                report(copy.rows)
        return copy.rows

    def header_line(self, names: Sequence[str]) -> bytes:
        """Return the first line of a file, quoted as PostgreSQL's COPY does."""
        is_alone = len(names) == 1
        return (self.delimiter.join(self._quoted(name, is_alone) for name in names) + "\n").encode()

    def _quoted(self, name: str, is_alone: bool) -> str:
        special = re.escape(self.delimiter) + r'"\r\n'
        if re.search(f"[{special}]", name) or (is_alone and name == r"\."):
            return '"' + name.replace('"', '""') + '"'
        return name

    def for_spreadsheet(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Return a file's bytes with BOM, every value quoted, none that a spreadsheet would take for a formula."""
        csv.field_size_limit(LONGEST_FIELD)
        block = io.StringIO(newline="")
        writer = csv.writer(block, delimiter=self.delimiter, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        yield BOM
        plain = unzipped(chunks) if self.is_compressed else chunks
        for row in csv.reader(_lines(plain), delimiter=self.delimiter):
            is_suspect = SUSPECT.search("\0" + "\0".join(row))
            writer.writerow([escaped(value) for value in row] if is_suspect else row)
            if block.tell() > BLOCK:
                yield _emptied(block)
        yield _emptied(block)

    def spreadsheet_name(self, name: str) -> str:
        """Return the name without the ending of gzip."""
        return name.removesuffix(".gz")


def _character(settings: Mapping[str, Any]) -> str:
    return DELIMITERS[settings.get("delimiter") or "comma"]


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
