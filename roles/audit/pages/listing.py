"""The events that the URL asks for. Every filter and page is read from an index, however long the log is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from psycopg import sql

from roles.models import AuditEvent, Environment
from roles.searching import fold
from roles.typed import typed_day, typed_id, typed_uuid
from roles.validators import composed

PAGE_SIZE = 50
LONGEST_TEXT = 200
MOST_CHOICES = 1000
NEWEST_FIRST = ("-at", "-pk")
OLDEST_FIRST = ("at", "pk")
SYSTEM = "system"  # the choice of a person that stands for nobody

# The different values of a column, each found by one look into the index that begins with environment and column.
_DIFFERENT = """
WITH RECURSIVE found(value) AS (
    (SELECT {column} FROM roles_auditevent WHERE environment_id = %(environment)s AND {column} IS NOT NULL
     ORDER BY {column} LIMIT 1)
  UNION ALL
    SELECT (SELECT {column} FROM roles_auditevent WHERE environment_id = %(environment)s AND {column} > found.value
            ORDER BY {column} LIMIT 1)
    FROM found WHERE found.value IS NOT NULL)
SELECT value, {label} FROM found WHERE value IS NOT NULL AND folded(value::text) LIKE %(like)s LIMIT %(most)s
"""
_LAST_NAME = """(SELECT actor_name FROM roles_auditevent WHERE environment_id = %(environment)s
    AND actor_id = found.value ORDER BY at DESC, id DESC LIMIT 1)"""


@dataclass(frozen=True)
class Filters:
    """What the URL asks for; values that make no sense are ignored."""

    person: str = ""
    action: str = ""
    type: str = ""
    object: str = ""
    run: str = ""
    since: str = ""
    until: str = ""
    q: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        """Read the filters from a query."""
        texts = {one.name: query.get(one.name, "").replace("\0", "")[:LONGEST_TEXT].strip() for one in fields(cls)}
        checks: dict[str, Any] = {"since": typed_day, "until": typed_day, "run": typed_uuid}
        return cls(**{name: text if checks.get(name, str)(text) else "" for name, text in texts.items()})

    def as_dict(self) -> dict[str, str]:
        """Return the filters in use by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}

    def asked(self) -> Q:
        """Return the condition on events."""
        exact = {"action": self.action, "object_type": self.type, "object_id": self.object, "run": self.run}
        condition = Q(**{name: value for name, value in exact.items() if value})
        if self.person:
            condition &= Q(actor=None) if self.person == SYSTEM else Q(actor=typed_id(self.person))
        if self.since:
            condition &= Q(at__gte=_midnight(date.fromisoformat(self.since)))
        if self.until:
            condition &= Q(at__lt=_midnight(date.fromisoformat(self.until) + timedelta(days=1)))
        return condition


@dataclass(frozen=True)
class Page:
    """Some events, newest first; `newer` and `older` are the ids to continue from, None at an end."""

    events: list[AuditEvent]
    newer: int | None
    older: int | None


def events_of(environment: Environment, filters: Filters) -> QuerySet[AuditEvent]:
    """Return the environment's events that match the filters, unordered."""
    found = AuditEvent.objects.filter(filters.asked(), environment=environment)
    return found.filter(_called(environment, composed(filters.q))) if filters.q else found


def page_of(environment: Environment, filters: Filters, query: QueryDict) -> Page:
    """Return the page before or after the given event id, or the newest page."""
    found = events_of(environment, filters)
    if anchor := _event(environment, query.get("after", "")):
        events = list(_after(found, anchor).order_by(*OLDEST_FIRST)[: PAGE_SIZE + 1])
        has_newer = len(events) > PAGE_SIZE
        events = events[:PAGE_SIZE][::-1]
        return Page(events, events[0].pk if events and has_newer else None, events[-1].pk if events else None)
    anchor = _event(environment, query.get("before", ""))
    events = list((_before(found, anchor) if anchor else found).order_by(*NEWEST_FIRST)[: PAGE_SIZE + 1])
    has_older, events = len(events) > PAGE_SIZE, events[:PAGE_SIZE]
    return Page(events, events[0].pk if events and anchor else None, events[-1].pk if has_older else None)


def in_batches(found: QuerySet[AuditEvent], size: int = 2000) -> Iterator[list[AuditEvent]]:
    """Yield all of `found`, newest first, at most `size` of them in memory."""
    batch = list(found.order_by(*NEWEST_FIRST)[:size])
    while batch:
        yield batch
        batch = list(_before(found, batch[-1]).order_by(*NEWEST_FIRST)[:size])


def people(environment: Environment) -> list[tuple[str, str]]:
    """Return (id, last known name) of everybody who did something in the environment, by name."""
    return sorted(((str(pk), name) for pk, name in _different(environment, "actor_id")), key=lambda one: one[1].lower())


def actions(environment: Environment) -> list[str]:
    """Return the actions that occurred in the environment."""
    return [name for name, _same in _different(environment, "action")]


def object_types(environment: Environment) -> list[str]:
    """Return the types of objects that something was done to in the environment."""
    return [name for name, _same in _different(environment, "object_type")]


def _called(environment: Environment, text: str) -> Q:
    """Return the condition that an object's name contains `text`; uses the matching names if they are few."""
    like = "%" + re.sub(r"([\\%_])", r"\\\1", fold(text)) + "%"
    names = [name for name, _same in _different(environment, "object_name", like)]
    return Q(object_name__in=names) if len(names) < MOST_CHOICES else Q(object_name__holds=text)


def _different(environment: Environment, column: str, like: str = "%") -> list[tuple[Any, str]]:
    """Return up to MOST_CHOICES distinct values of `column` that match `like`, each with its label."""
    label = sql.SQL(_LAST_NAME) if column == "actor_id" else sql.SQL("value")
    statement = sql.SQL(_DIFFERENT).format(column=sql.Identifier(column), label=label)
    with connection.cursor() as cursor:
        cursor.execute(statement, {"environment": environment.pk, "most": MOST_CHOICES, "like": like})
        return cursor.fetchall()


def _before(found: QuerySet[AuditEvent], anchor: AuditEvent) -> QuerySet[AuditEvent]:
    # The first condition finds the place in the index, the second parts events of the same moment.
    return found.filter(Q(at__lt=anchor.at) | Q(pk__lt=anchor.pk), at__lte=anchor.at)


def _after(found: QuerySet[AuditEvent], anchor: AuditEvent) -> QuerySet[AuditEvent]:
    return found.filter(Q(at__gt=anchor.at) | Q(pk__gt=anchor.pk), at__gte=anchor.at)


def _event(environment: Environment, pk: str) -> AuditEvent | None:
    return AuditEvent.objects.filter(environment=environment, pk=typed_id(pk)).first() if pk else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())
