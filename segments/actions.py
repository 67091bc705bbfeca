"""What people do to segments: atomic, and in the audit log."""

from typing import Any

import psycopg
from django.db import OperationalError, connection, transaction
from django.db.models import ProtectedError
from psycopg import sql

from roles import audit
from roles.models import User
from segments import chores
from segments.models import Segment, SegmentStatus
from segments.rules import label_of
from segments.warehouse import members_table

DEFINITION = ("table_id", "match", "conditions")
AUDITED = ("name", "description", "projected_fields", *DEFINITION)


class StillUsedError(Exception):
    """The segment cannot be removed: exports use it."""


class BeingReadError(Exception):
    """The segment's members are being read; it can be removed when that has ended."""


@transaction.atomic
def save(segment: Segment, *, by: User) -> None:
    """Make or change a segment; a new definition starts a refresh. Raises IntegrityError when the name is taken."""
    before = Segment.objects.filter(pk=segment.pk).values(*AUDITED).first() or {}
    changes = {
        name: [before.get(name), getattr(segment, name)]
        for name in AUDITED
        if before.get(name) != getattr(segment, name)
    }
    if not before:
        segment.created_by = by
        segment.save()
    elif changes:
        fields = ["name", "description", "table", "match", "conditions", "projected_fields", "updated_at"]
        segment.save(update_fields=fields)
    if changes:
        action = "change" if before else "create"
        audit.record(segment.environment, action, segment, by=by, changes=_without_values(changes))
    if changes.keys() & set(DEFINITION):
        start_refresh(segment, by=by)


@transaction.atomic
def start_refresh(segment: Segment, *, by: User | None) -> None:
    """Let the chores cluster compute the members; one that goes on comes first and is followed by this one."""
    segment.status, segment.refresh_started_at = SegmentStatus.REFRESHING, None
    segment.save(update_fields=["status", "refresh_started_at"])
    chores.enqueue(segment.pk, by.pk if by else None)


def remove(segment: Segment, *, by: User) -> None:
    """Remove a segment and its members. Raises StillUsedError or BeingReadError."""
    members = members_table(segment)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            audit.record(segment.environment, "remove", segment, by=by)
            segment.delete()
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(members))
    except ProtectedError as error:
        raise StillUsedError from error
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise BeingReadError from error
        raise


def _without_values(changes: dict[str, list[Any]]) -> dict[str, Any]:
    """Replace the conditions by what they are on: their values may be somebody's data."""
    if "conditions" not in changes:
        return changes
    said = [
        [f"{label_of(condition)} {condition['operator']}" for condition in conditions or []]
        for conditions in changes["conditions"]
    ]
    return changes | {"conditions": said}
