"""What people are told, as it is kept: a text of the catalogue, its parameters and a count.

`str(message)` makes the words in the language that is active then, and never raises.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import singledispatch
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, override

from roles.ui import locales
from roles.ui.words import duration, exact_time, number

MASK = "…"
COUNT = "n"  # the parameter that is the count of a plural
JOINED = "%(all)s"  # the text of several messages after each other
DEEPEST = 8  # messages and lists within each other; beyond that nobody reads
VERSION = 1
KINDS = {"and", "or", "plain"}  # of lists
WIDTHS = {None: "abbreviated", "abbreviated": "abbreviated", "wide": "wide"}  # of weekdays, as they are kept

_PLACE = re.compile(r"%(?:\((\w+)\)([sd])|%)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=\S)")
_QUOTED = re.compile("“[^”]*”")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # what PostgreSQL takes in no text


@dataclass(frozen=True)
class Personal:
    """A parameter that may be a person's value."""

    value: str


@dataclass(frozen=True)
class Weekday:
    """A parameter that is a weekday, 1 (Monday) to 7; `width`: abbreviated, wide."""

    number: int
    width: str = "abbreviated"


@dataclass(frozen=True)
class Month:
    """A parameter that is a month, 1 to 12."""

    number: int


@dataclass(frozen=True)
class Listed:
    """A parameter that is several: a list of a `kind` (and, or, plain), or with the sign `by` between them."""

    values: tuple[Any, ...]
    kind: str = ""
    by: str = ""


@dataclass(frozen=True, eq=False)
class Message:
    """One thing that is said. Without a `msgid` it says `text`, which is kept as it is.

    It equals a text that it says in the language of the moment, as Django's lazy texts do. Code decides by codes.
    """

    msgid: str = ""
    plural: str = ""
    count: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    # Text of a version that stored sentences: nobody marked what in it is a person's.
    is_old: bool = False
    is_first_sentence: bool = False  # no more is shown
    longest: int | None = None  # characters that are shown; None: all

    def __bool__(self) -> bool:
        return bool(self.msgid or self.text)

    def __str__(self) -> str:
        words = self._words() if self.msgid else self.text
        if self.is_first_sentence and not self.msgid:
            words = _first_sentence(words)
        if self.longest is not None and len(words) > self.longest:
            return words[: self.longest - 1] + "…"
        return words

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return str(self) == other
        return self.as_json() == other.as_json() if isinstance(other, Message) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.msgid, self.count, self.text))

    def __contains__(self, words: str) -> bool:
        return words in str(self)

    def __mod__(self, values: Mapping[str, Any]) -> "Message":
        return replace(self, params={name: _taken(value) for name, value in values.items()})

    def cut(self, longest: int) -> "Message":
        """Return the same, of which `longest` characters are shown."""
        return replace(self, longest=longest)

    def first_sentence(self) -> "Message":
        """Return the same, of which the first sentence is shown."""
        return replace(self, is_first_sentence=True)

    def masked(self) -> "Message":
        """Return the same for the audit log, a run's log and alerts: no parameter that may be a person's value."""
        if self.msgid:
            return replace(self, params={name: _masked(value) for name, value in self.params.items()})
        return replace(self, text=_QUOTED.sub(f"“{MASK}”", self.text)) if self.is_old else self

    def as_json(self, depth: int = 0) -> Any:
        """Return what the database keeps."""
        if depth > DEEPEST:
            return MASK
        first = {"first": True} if self.is_first_sentence else {}
        if not self.msgid:
            text = _storable(self.text)
            return text if self.is_old or not text else {"v": VERSION, "text": text, **first}
        kept: dict[str, Any] = {"v": VERSION, "id": _storable(self.msgid), **first}
        if self.plural:
            kept |= {"plural": _storable(self.plural), "n": self.count}
        if self.params:
            kept["params"] = {name: _as_json(value, depth) for name, value in self.params.items()}
        return kept

    @classmethod
    def from_json(cls, kept: Any, depth: int = 0) -> "Message":
        """Return what `as_json` made; of rows of another version, or broken ones, what can be understood."""
        if isinstance(kept, str):
            return cls(text=kept, is_old=True) if kept else EMPTY
        if not isinstance(kept, dict) or depth > DEEPEST:
            return EMPTY if kept in (None, [], {}) else cls(text=MASK)
        msgid, text = kept.get("id"), kept.get("text")
        if not isinstance(msgid, str) or not msgid:
            is_first = bool(kept.get("first"))
            return cls(text=text if isinstance(text, str) else MASK, is_first_sentence=is_first)
        plural, count, found = kept.get("plural"), kept.get("n"), kept.get("params")
        is_counted = isinstance(plural, str) and isinstance(count, int)
        values = found.items() if isinstance(found, dict) else ()
        return cls(
            msgid,
            plural if isinstance(plural, str) and is_counted else "",
            count if is_counted else None,
            {name: _from_json(value, depth) for name, value in values},
            is_first_sentence=bool(kept.get("first")),
        )

    @classmethod
    def of(cls, value: Any) -> "Message":
        """Return `value` as a message: one already, a text to be translated when it is read, or a plain one."""
        if isinstance(value, Message):
            return value
        if isinstance(value, Promise):
            with override(None):
                text = str(value)  # as the catalogue has it
            return cls(text=text) if "%" in text else cls(text)
        return cls(text=str(value)) if value not in (None, "") else EMPTY

    def _words(self) -> str:
        if self.plural and self.count is not None:
            words = ngettext(self.msgid, self.plural, self.count)
        else:
            words = gettext(self.msgid)
        # Cut before values are filled in: they may hold whole sentences, or what looks like the end of one.
        return _PLACE.sub(self._filled, _first_sentence(words) if self.is_first_sentence else words)

    def _filled(self, place: re.Match[str]) -> str:
        name, kind = place[1], place[2]
        if name is None:
            return "%"
        if name == COUNT and self.count is not None:
            return _words(self.count, kind)
        if name not in self.params:
            return MASK
        value = self.params[name]
        return _words(_first_of(value) if self.is_first_sentence and self.msgid == JOINED else value, kind)


EMPTY = Message()


def said(msgid: str) -> Message:
    """Return the message `msgid`, to be filled by `%` as a text is.

    %(rows)s is a number as the reader writes it, %(rows)d a bare one. Values are texts, numbers, moments, lengths
    of time, other messages, what `personal` or `listed` returns, or things that have a name.
    """
    return Message(msgid)


def said_many(msgid: str, plural: str, count: int) -> Message:
    """Return the message `msgid` or `plural`, as `count` asks for in the reader's language; %(n)s is the count."""
    return Message(msgid, plural, count)


def verbatim(text: str) -> Message:
    """Return `text` as a message that is the same in every language: technical detail, a name."""
    return Message(text=text) if text else EMPTY


def personal(value: str) -> Personal:
    """Mark a parameter that may be a person's value: the audit log, the log of a run and alerts show “…”."""
    return Personal(value)


def listed(items: Iterable[Any], kind: str = "plain") -> Listed:
    """Return a parameter that is several, listed as the reader's language does; see roles.ui.locales.listing."""
    return Listed(tuple(_taken(one) for one in items), kind)


def joined(items: Iterable[Any], by: str = " ") -> Message:
    """Return several messages as one: sentences, or facts with a sign such as " · " between them."""
    return _as_one([_taken(one) for one in items], lambda several: Listed(several, by=by))


def enumerated(items: Iterable[Any], kind: str = "plain") -> Message:
    """Return several messages as one, listed as `listed` lists them."""
    return _as_one([_taken(one) for one in items], lambda several: Listed(several, kind))


def _as_one(several: list[Any], listing: Callable[[tuple[Any, ...]], Listed]) -> Message:
    if not several:
        return EMPTY
    is_said = len(several) == 1 and isinstance(several[0], str | Message)
    return Message.of(several[0]) if is_said else Message(JOINED) % {"all": listing(tuple(several))}


def _first_sentence(words: str) -> str:
    return _SENTENCE_END.split(words, maxsplit=1)[0].removesuffix(".")


def _first_of(value: Any) -> Any:
    """Return the first of several messages, of which again the first sentence is shown."""
    first = value.values[0] if isinstance(value, Listed) and value.values else value
    return first.first_sentence() if isinstance(first, Message) else first


def _storable(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)


def _taken(value: Any) -> Any:
    """Return what a message keeps of `value`; of a thing that has a name, the name."""
    if isinstance(value, Promise):
        return Message.of(value)
    if isinstance(value, str):
        return str.__str__(value)  # of a choice, what it is stored as
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, Decimal):
        return float(value)
    kept = (int, float, date, time, timedelta, Weekday, Month, Personal, Listed, Message)
    return value if value is None or isinstance(value, kept) else str(value)


@singledispatch
def _words(value: Any, kind: str = "s") -> str:
    """Return a parameter in the reader's words; a number of `kind` "d" bare."""
    return str(value)


@_words.register
def _number(value: int | float | None, kind: str = "s") -> str:
    return number(value) if kind == "s" or value is None else str(int(value))


@_words.register
def _moment(value: datetime, kind: str = "s") -> str:
    return exact_time(value)


@_words.register
def _day(value: date, kind: str = "s") -> str:
    return locales.day(value)


@_words.register
def _clock(value: time, kind: str = "s") -> str:
    return locales.clock(value)


@_words.register
def _weekday(value: Weekday, kind: str = "s") -> str:
    return locales.weekday(value.number, value.width)


@_words.register
def _month(value: Month, kind: str = "s") -> str:
    return locales.month(value.number)


@_words.register
def _length(value: timedelta, kind: str = "s") -> str:
    return duration(value.total_seconds())


@_words.register
def _value(value: Personal, kind: str = "s") -> str:
    return value.value


@_words.register
def _all(value: Listed, kind: str = "s") -> str:
    words = [_words(one) for one in value.values]
    return locales.listing(words, value.kind) if value.kind else value.by.join(words)


def _masked(value: Any) -> Any:
    if isinstance(value, Personal):
        return MASK
    if isinstance(value, Listed):
        return replace(value, values=tuple(_masked(one) for one in value.values))
    return value.masked() if isinstance(value, Message) else value


def _as_json(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        return MASK
    for kind, keep in _KEPT.items():
        if isinstance(value, kind):
            return keep(value, depth + 1)
    return value if isinstance(value, int | float | None) else str(value)


def _from_json(kept: Any, depth: int) -> Any:
    """Return what `_as_json` made; “…” for what cannot be understood."""
    if kept is None or isinstance(kept, str | int | float):
        return kept
    if isinstance(kept, dict) and depth <= DEEPEST:
        for name, read in _READ.items():
            if name in kept:
                try:
                    return read(kept, depth + 1)
                except (TypeError, ValueError, OverflowError):
                    break
    return MASK


def _listed(kept: dict[str, Any], depth: int) -> Listed:
    values, kind, by = tuple(_from_json(one, depth) for one in kept["list"]), kept.get("as"), str(kept.get("by", ", "))
    if kind is None and by == ", ":  # of a version that knew no kinds
        kind = "plain"
    return Listed(values, kind, "") if kind in KINDS else Listed(values, by=by)


def _as_list(value: Listed, depth: int) -> dict[str, Any]:
    how = {"as": value.kind} if value.kind else {"by": value.by}
    return {"list": [_as_json(one, depth) for one in value.values], **how}


def _numbered(number: Any, least: int, most: int) -> int:
    if not isinstance(number, int) or not least <= number <= most:
        raise ValueError(number)
    return number


_KEPT: dict[type, Callable[[Any, int], Any]] = {
    str: lambda value, depth: _storable(value),
    Message: lambda value, depth: {"said": value.as_json(depth)},
    Personal: lambda value, depth: {"personal": _storable(value.value)},
    Listed: _as_list,
    Weekday: lambda value, depth: {"weekday": value.number, "width": value.width},
    Month: lambda value, depth: {"month": value.number},
    datetime: lambda value, depth: {"at": value.isoformat()},
    date: lambda value, depth: {"day": value.isoformat()},
    time: lambda value, depth: {"clock": value.isoformat("minutes")},
    timedelta: lambda value, depth: {"seconds": value.total_seconds()},
    float: lambda value, depth: value if math.isfinite(value) else str(value),
}
_READ: dict[str, Callable[[dict[str, Any], int], Any]] = {
    "said": lambda kept, depth: Message.from_json(kept["said"], depth),
    "personal": lambda kept, depth: Personal(str(kept["personal"])),
    "list": _listed,
    "weekday": lambda kept, depth: Weekday(
        _numbered(kept["weekday"], 1, 7), WIDTHS.get(kept.get("width"), WIDTHS[None])
    ),
    "month": lambda kept, depth: Month(_numbered(kept["month"], 1, 12)),
    "clock": lambda kept, depth: time.fromisoformat(kept["clock"]),
    "at": lambda kept, depth: datetime.fromisoformat(kept["at"]),
    "day": lambda kept, depth: date.fromisoformat(kept["day"]),
    "seconds": lambda kept, depth: timedelta(seconds=kept["seconds"]),
}
