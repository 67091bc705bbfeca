"""What an event changed: names, and the texts before and after."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from roles.messages.field import told
from roles.models import AuditEvent
from roles.roles import Role
from roles.ui.locales import listing
from roles.ui.words import NONE, number

PAIR = 2
LISTS = ("runs",)  # changes that are one list of whatever length
LONGEST_SHOWN = 2000  # characters of one value on the page; the download has all
# Choices that stand for other words, by the name of the change; the rooms above add theirs.
VALUES: dict[str, dict[Any, Any]] = {"role": dict(Role.choices)}
SETTINGS = "settings."  # how the changes begin whose names connection types know
NAMES: dict[str, Any] = {
    "asked_by": _("Requested by"),
    "message": _("Message"),
    "action": _("Action"),
    "audience": _("Audience"),
    "browser": _("Browser"),
    "count": _("Count"),
    "days": _("Days"),
    "description": _("Description"),
    "email": _("Email"),
    "fields": _("Fields"),
    "file": _("File"),
    "first": _("First"),
    "first_name": _("First name"),
    "from": _("From"),
    "is_active": _("Is active"),
    "is_staff": _("Is staff"),
    "is_superuser": _("Is superuser"),
    "issuer": _("Issuer"),
    "keys": _("Keys"),
    "kind": _("Kind"),
    "language": _("Language"),
    "last": _("Last"),
    "last_name": _("Last name"),
    "name": _("Name"),
    "note": _("Note"),
    "object": _("Object"),
    "person": _("Person"),
    "problem": _("Problem"),
    "q": _("Search"),
    "reason": _("Reason"),
    "role": _("Role"),
    "rotated": _("Rotated"),
    "run": _("Run"),
    "sessions": _("Sessions"),
    "since": _("Since"),
    "state": _("State"),
    "step": _("Step"),
    "switch": _("Switch"),
    "type": _("Type"),
    "until": _("Until"),
    "username": _("Username"),
    "why": _("Reason"),
    "with": _("With"),
    "zone": _("Zone"),
}
_settings: list[Callable[[str], Any]] = []


@dataclass(frozen=True)
class FieldChange:
    """One line of an event's details; `before` is None if there was nothing before."""

    name: str
    before: str | None
    after: str


def add_names(**names: Any) -> None:
    """Give changes labels other than their keys: add_names(rows=_("Rows sent"))."""
    NAMES.update(names)


def add_settings(find: Callable[[str], Any]) -> None:
    """Register `find`, which returns the label of a setting by its key; "" for an unknown one."""
    _settings.append(find)


def add_values(**choices: Mapping[Any, Any]) -> None:
    """Give choices their labels: add_values(sharing={"all": "All contributors"})."""
    for name, words in choices.items():
        VALUES[name] = {**VALUES.get(name, {}), **words}


def changes_of(event: AuditEvent) -> list[FieldChange]:
    """Return the event's changes in their order."""
    return [_change(name, value) for name, value in event.changes.items()]


def changes_as_json(event: AuditEvent) -> Any:
    """Return the event's changes as JSON, with messages in words."""
    return told(event.changes)


def value_of(event: AuditEvent, name: str) -> str:
    """Return the new value of the change `name`; "" if there is none."""
    if name not in event.changes:
        return ""
    *_before, after = _sides(name, event.changes[name])
    text = _text(name, after)
    return "" if text == NONE else text


def number_of(event: AuditEvent, name: str) -> int | None:
    """Return the new value of the change `name` if it is a number, else None."""
    *_before, after = _sides(name, event.changes.get(name))
    return after if isinstance(after, int) and not isinstance(after, bool) else None


def _change(name: str, value: Any) -> FieldChange:
    *before, after = _sides(name, value)
    return FieldChange(_label(name), _text(name, before[0]) if before else None, _text(name, after))


def _sides(name: str, value: Any) -> list[Any]:
    """Return before and after, or only after."""
    if isinstance(value, dict) and value.keys() == {"before", "after"}:
        return [value["before"], value["after"]]
    return value if isinstance(value, list) and len(value) == PAIR and name not in LISTS else [value]


def _label(name: str) -> str:
    if label := NAMES.get(name) or (name.startswith(SETTINGS) and _setting(name)):
        return str(label)
    words = name.removeprefix(SETTINGS).replace("_", " ")  # of an event that another version wrote
    return words[:1].upper() + words[1:]


def _setting(name: str) -> Any:
    return next(filter(None, (find(name.removeprefix(SETTINGS)) for find in _settings)), "")


def _text(name: str, value: Any) -> str:
    text = _say(name, told(value))
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def _say(name: str, value: Any) -> str:
    if value is None or value in ("", [], {}):
        return NONE
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list):
        return listing([_say(name, one) for one in value], "plain")
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_say(key, one)}" for key, one in value.items())
    return str(VALUES.get(name, {}).get(value, value))
