"""A spec as a JSON document: nouns by name, keys in one order, no secrets."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _

from exports.models import ExportKind, Repeat, ScheduleMode
from exports.schedules.recurrence import LAST_DAY
from exports.spec.problems import MOST_PROBLEMS, Code, Path, Problem, one_line
from exports.spec.settings import unknown_keys
from exports.spec.spec import Column, ExportSpec, Number, ScheduleSpec

VERSION = 1
MOST_BYTES = 1_000_000
LONGEST_LIST = 2_000  # a table of PostgreSQL has 1,600 columns at most
LAST = "last"  # the day of the month that LAST_DAY stands for
KEYS = (
    "version", "name", "description", "kind", "connection", "is_detached", "settings", "segments", "tables", "fields",
    "schedule", "refreshes_segments", "tolerance", "most_removals", "sends_nothing",
)  # fmt: skip
SCHEDULE_KEYS = ("mode", "repeat", "minute", "times", "weekdays", "month_day", "cron", "zone")
COLUMN_KEYS = ("field", "name")
# What of a schedule is written, by its recurrence.
WRITTEN: dict[str, tuple[str, ...]] = {
    Repeat.HOURLY: ("minute",),
    Repeat.DAILY: ("times",),
    Repeat.WEEKLY: ("weekdays", "times"),
    Repeat.MONTHLY: ("month_day", "times"),
    Repeat.CRON: ("cron",),
}


def document_of(spec: ExportSpec) -> dict[str, Any]:
    """Return the spec as a document."""
    chosen = {"segments": list(spec.segments)} | ({} if spec.is_of_segments else {"tables": list(spec.tables)})
    fields = {
        table: [{"field": one.field, "name": one.name} for one in columns] for table, columns in spec.fields.items()
    }
    return {
        "version": VERSION,
        "name": spec.name,
        "description": spec.description,
        "kind": str(spec.kind),
        "connection": spec.connection,
        **({"is_detached": True} if spec.is_detached else {}),
        "settings": dict(sorted(spec.settings.items())),
        **chosen,
        **({"fields": fields} if spec.is_of_segments else {}),
        "schedule": _schedule_document(spec.schedule),
        "refreshes_segments": spec.refreshes_segments,
        "tolerance": spec.tolerance,
        "most_removals": spec.most_removals,
        "sends_nothing": spec.sends_nothing,
    }


def _schedule_document(schedule: ScheduleSpec) -> dict[str, Any]:
    document: dict[str, Any] = {"mode": str(schedule.mode)}
    if not schedule.repeat or schedule.mode == ScheduleMode.REFRESH:
        return document
    document["repeat"] = str(schedule.repeat)
    for name in WRITTEN.get(schedule.repeat, ()):
        value = getattr(schedule, name)
        document[name] = list(value) if isinstance(value, tuple) else value
    if document.get("month_day") == LAST_DAY:
        document["month_day"] = LAST
    return document | {"zone": schedule.zone}


@dataclass(frozen=True)
class Document:
    """What was read: the spec, with defaults for what is not there or of another type, and what is wrong."""

    spec: ExportSpec
    problems: list[Problem] = field(default_factory=list)


def read_document(data: bytes) -> Document:
    """Read a document; whatever `data` is, nothing is raised."""
    try:
        content = _parsed(data)
    except _UnreadableError as error:
        return Document(ExportSpec(""), [error.problem])
    reader = _Reader()
    return Document(reader.export(content), reader.problems)


class _UnreadableError(Exception):
    """Nothing can be read of it."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.problem = Problem((), code, message)


class _Object(dict[str, Any]):
    """An object of JSON, with the keys that it has twice."""

    def __init__(self, pairs: Sequence[tuple[str, Any]] = ()) -> None:
        super().__init__(pairs)
        often = Counter(key for key, _value in pairs) if len(pairs) > len(self) else {}
        self.twice = [key for key, count in often.items() if count > 1]


def _parsed(data: bytes) -> Any:
    if len(data) > MOST_BYTES:
        raise _UnreadableError(Code.TOO_LARGE, _("The document is larger than %(most)d bytes.") % {"most": MOST_BYTES})
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_Object, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        text = _("The document is not UTF-8: byte %(place)d cannot be read.") % {"place": error.start + 1}
        raise _UnreadableError(Code.NOT_UTF8, text) from error
    except json.JSONDecodeError as error:
        text = _("The document is not JSON: line %(line)d, column %(column)d cannot be read.")
        raise _UnreadableError(Code.NOT_JSON, text % {"line": error.lineno, "column": error.colno}) from error
    except RecursionError as error:
        raise _UnreadableError(Code.NOT_JSON, _("The document is nested too deeply.")) from error
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise _UnreadableError(Code.NOT_JSON, _("The document contains an invalid number.")) from error


def _no_constant(name: str) -> Any:
    raise ValueError(name)


class _Reader:
    """Takes values of their types out of a document, and notes what is of another one."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def export(self, content: Any) -> ExportSpec:
        """Return the spec."""
        document = self._object(content, (), KEYS)
        plain = ExportSpec("")
        if not isinstance(content, _Object):
            return plain
        self._version(document)
        return ExportSpec(
            name=self._text(document, "name", ()),
            description=self._text(document, "description", ()),
            kind=self._text(document, "kind", (), ExportKind.SEGMENTS.value),
            connection=self._text(document, "connection", (), may_be_null=True) or None,
            is_detached=self._switch(document, "is_detached", plain.is_detached),
            settings=self._settings(document),
            segments=self._texts(document, "segments", ()),
            tables=self._texts(document, "tables", ()),
            fields=dict(self._fields(document)),
            schedule=self._schedule(document),
            refreshes_segments=self._switch(document, "refreshes_segments", plain.refreshes_segments),
            tolerance=self._number(document, "tolerance", (), plain.tolerance),
            most_removals=self._number(document, "most_removals", (), plain.most_removals),
            sends_nothing=self._switch(document, "sends_nothing", plain.sends_nothing),
        )

    def _version(self, document: dict[str, Any]) -> None:
        version = document.get("version")
        if version is None:
            text = _("Enter the version of the document: %(known)d.") % {"known": VERSION}
            self._note(("version",), Code.REQUIRED, text)
        elif version is True or version != VERSION:
            text = _("Unknown document version. Supported: %(known)d.") % {"known": VERSION}
            self._note(("version",), Code.UNSUPPORTED_VERSION, text)

    def _settings(self, document: dict[str, Any]) -> dict[str, Any]:
        found = self._object(document.get("settings", _Object()), ("settings",))
        return {name: value for name, value in found.items() if self._is_plain(value, ("settings", name))}

    def _is_plain(self, value: Any, path: Path) -> bool:
        """Whether it is what a form can be sent: a text, a number, a yes or no, nothing, or a list of these."""
        values = value if isinstance(value, list) else [value]
        if len(values) > LONGEST_LIST or any(isinstance(one, dict | list) for one in values):
            self._note(path, Code.INVALID, _("This must be text, a number, true, false, null or a list of these."))
            return False
        return True

    def _fields(self, document: dict[str, Any]) -> Iterator[tuple[str, tuple[Column, ...]]]:
        for table, columns in self._object(document.get("fields", _Object()), ("fields",)).items():
            path: Path = ("fields", table)
            yield table, tuple(self._column(one, (*path, index)) for index, one in enumerate(self._list(columns, path)))

    def _column(self, content: Any, path: Path) -> Column:
        """A field and its name in the file; a text is a field under its own name."""
        if isinstance(content, str):
            return Column(content, content)
        found = self._object(content, path, COLUMN_KEYS)
        name = self._text(found, "field", path)
        return Column(name, self._text(found, "name", path, name))

    def _schedule(self, document: dict[str, Any]) -> ScheduleSpec:
        path: Path = ("schedule",)
        if "schedule" not in document:
            return ScheduleSpec()
        found = self._object(document["schedule"], path, SCHEDULE_KEYS)
        if found.get("month_day") == LAST:
            found["month_day"] = LAST_DAY
        days = self._list(found.get("weekdays", []), (*path, "weekdays"))
        return ScheduleSpec(
            mode=self._text(found, "mode", path),
            repeat=self._text(found, "repeat", path),
            minute=self._number(found, "minute", path),
            times=self._texts(found, "times", path),
            weekdays=tuple(self._whole(day, (*path, "weekdays", index)) for index, day in enumerate(days)),
            month_day=self._number(found, "month_day", path),
            cron=self._text(found, "cron", path),
            zone=self._text(found, "zone", path),
        )

    def _object(self, content: Any, path: Path, keys: tuple[str, ...] | None = None) -> dict[str, Any]:
        """An object; of `keys`, where they are given."""
        if not isinstance(content, _Object):
            self._note(path, Code.INVALID, _("This must be an object: {…}."))
            return {}
        for key in content.twice:
            text = _("The key “%(key)s” appears twice.") % {"key": one_line(key)}
            self._note((*path, key), Code.DUPLICATE_KEY, text)
        if keys is not None:
            self._add(unknown_keys(content, keys, path))
        return content

    def _list(self, content: Any, path: Path) -> list[Any]:
        if not isinstance(content, list):
            self._note(path, Code.INVALID, _("This must be a list: […]."))
            return []
        if len(content) > LONGEST_LIST:
            text = _("This list has more than %(most)d entries.") % {"most": LONGEST_LIST}
            self._note(path, Code.TOO_MANY, text)
            return []
        return content

    def _texts(self, found: dict[str, Any], name: str, path: Path) -> tuple[str, ...]:
        entries = self._list(found.get(name, []), (*path, name))
        return tuple(self._line(one, (*path, name, index)) for index, one in enumerate(entries))

    def _text(self, found: dict[str, Any], name: str, path: Path, otherwise: str = "", **how: bool) -> str:
        return self._line(found[name], (*path, name), **how) if name in found else otherwise

    def _line(self, content: Any, path: Path, *, may_be_null: bool = False) -> str:
        if isinstance(content, str):
            return content
        if content is not None or not may_be_null:
            self._note(path, Code.INVALID, _("This must be text: “…”."))
        return ""

    def _switch(self, found: dict[str, Any], name: str, otherwise: bool) -> bool:
        content = found.get(name, otherwise)
        if isinstance(content, bool):
            return content
        self._note((name,), Code.INVALID, _("This must be true or false."))
        return otherwise

    def _number(self, found: dict[str, Any], name: str, path: Path, otherwise: Number = None) -> Number:
        return self._whole(found[name], (*path, name)) if name in found else otherwise

    def _whole(self, content: Any, path: Path) -> Number:
        if content is None or (isinstance(content, int) and not isinstance(content, bool)):
            return content
        self._note(path, Code.INVALID, _("This must be a whole number, or null."))
        return None

    def _note(self, path: Path, code: Code, message: str) -> None:
        self._add([Problem(path, code, message)])

    def _add(self, found: Iterable[Problem]) -> None:
        self.problems += islice(found, MOST_PROBLEMS - len(self.problems))
