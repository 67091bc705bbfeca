"""Which parts of a system refresh may start next and which are blocked, each in one query."""

import json
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from exports.models import PartKind, PartState, RefreshPart, SystemRefresh
from exports.runs.lease import Lease
from roles.messages import Message

LEASE = Lease(RefreshPart)

NOUNS = (PartKind.TABLE, PartKind.SEGMENT)
GOOD = (PartState.DONE, PartState.WARNED)
BAD = (PartState.FAILED, PartState.SKIPPED, PartState.CANCELED)

_READY = """
    SELECT p.* FROM exports_refreshpart p
    WHERE p.refresh_id = %(refresh)s AND p.state = %(waiting)s AND p.kind = ANY(%(kinds)s) AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(p.needs) n
        JOIN exports_refreshpart d ON d.refresh_id = p.refresh_id AND d.position = n.value::int
        WHERE d.state <> ALL(%(good)s))
    ORDER BY p.position LIMIT %(most)s
"""
_BLOCKED = """
    SELECT * FROM (
        SELECT DISTINCT ON (p.position) p.id, p.object_id, p.kind, d.name, d.state,
            COALESCE(d.message_said, to_jsonb(d.message))
        FROM exports_refreshpart p CROSS JOIN LATERAL jsonb_array_elements(p.needs) n
        JOIN exports_refreshpart d ON d.refresh_id = p.refresh_id AND d.position = n.value::int
        WHERE p.refresh_id = %(refresh)s AND p.state = %(waiting)s AND d.state = ANY(%(bad)s)
        ORDER BY p.position, d.state, d.position) blocked
    LIMIT %(most)s
"""


class Blocked(NamedTuple):
    """A waiting part that will not go, and the first of what it needs that went wrong."""

    part_id: int
    object_id: int
    kind: str
    needed: str
    needed_state: str
    needed_message: Message


def waiting(refresh: SystemRefresh) -> QuerySet[RefreshPart]:
    """Those that nobody has begun."""
    return refresh.parts.filter(state=PartState.WAITING)


def running(refresh: SystemRefresh, *kinds: PartKind) -> QuerySet[RefreshPart]:
    """Those under way, of `kinds` only."""
    return refresh.parts.filter(state=PartState.RUNNING, kind__in=kinds)


def ready(refresh_id: int, *kinds: PartKind, most: int) -> list[RefreshPart]:
    """Return at most `most` waiting parts all of whose needs are met, in order."""
    values = {"refresh": refresh_id, "waiting": PartState.WAITING.value, "most": most}
    lists = {"kinds": [kind.value for kind in kinds], "good": [state.value for state in GOOD]}
    return list(RefreshPart.objects.raw(_READY, values | lists))


def blocked(refresh_id: int, *, most: int) -> list[Blocked]:
    """Return at most `most` waiting parts of which something they need went wrong, in order."""
    values: dict[str, Any] = {"refresh": refresh_id, "waiting": PartState.WAITING.value, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(_BLOCKED, values | {"bad": [state.value for state in BAD]})
        return [Blocked._make((*row[:-1], Message.from_json(json.loads(row[-1])))) for row in cursor.fetchall()]


def left_out(refresh: SystemRefresh) -> QuerySet[RefreshPart]:
    """Those that the plan left out: they end as they begin."""
    return refresh.parts.filter(state=PartState.SKIPPED, ended_at=None)
