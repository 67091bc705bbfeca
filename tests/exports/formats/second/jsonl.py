"""JSON, a record a line: a second format, as somebody would add it to exports/formats/."""

from dataclasses import dataclass

from django import forms
from psycopg import sql

from connections.destinations.base import SettingsForm
from exports.formats.base import Format


class JsonlForm(SettingsForm):
    """Asks whether values that are not there are written."""

    nulls = forms.BooleanField(label="Write null", required=False)


@dataclass(frozen=True)
class Jsonl(Format):
    """An object a line."""

    has_nulls: bool = False

    slug, label, form, suffixes = "jsonl", "JSON lines", JsonlForm, (".jsonl",)
    help_title, help_text = "JSON files", "An object for each record."
    suffix, media_type = ".jsonl", "application/jsonl"

    @classmethod
    def of(cls, settings):
        return cls(settings.get("nulls", False))

    @classmethod
    def of_file(cls, entry, settings):
        return cls(entry["nulls"])

    @property
    def entry(self):
        return super().entry | {"nulls": self.has_nulls}

    @property
    def manifest(self):
        return {"encoding": "UTF-8", "media_type": self.media_type}

    def write(self, connection, query, names, target, report):
        json = "to_jsonb(q)" if self.has_nulls else "jsonb_strip_nulls(to_jsonb(q))"
        rows = connection.execute(sql.SQL("SELECT {}::text FROM ({}) q").format(sql.SQL(json), query)).fetchall()
        for number, (line,) in enumerate(rows, 1):
            target.write(line.encode() + b"\n")
            report(number)
        return len(rows)
