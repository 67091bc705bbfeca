"""Actions on segments: atomic, and recorded in the audit log."""

from typing import Any

import psycopg
from django.db import OperationalError, connection, transaction
from django.db.models import ProtectedError
from psycopg import sql

from roles.audit import audit
from roles.audit.gone import locked
from roles.models import User
from segments import chores
from segments.models import Segment, SegmentStatus, Table
from segments.rules import Condition, label_of
from segments.warehouse.queries import members_table

DEFINITION = ("table_id", "match", "conditions")
AUDITED = ("name", "description", "projected_fields", *DEFINITION)


class StillUsedError(Exception):
    """The segment cannot be removed: exports use it."""


class BeingReadError(Exception):
    """The segment's members are being read; it can be removed after that."""


@transaction.atomic
def save(segment: Segment, *, by: User) -> None:
    """Create or change a segment; a new definition starts a refresh. Raises IntegrityError for a taken name."""
    before = Segment.objects.filter(pk=segment.pk).values(*AUDITED).first()
    if before is None:
        make(segment, by=by)
        return start_refresh(segment, by=by)
    pairs = {name: [before[name], getattr(segment, name)] for name in AUDITED}
    changes = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if changes:
        fields = ["name", "description", "table", "match", "conditions", "projected_fields", "updated_at"]
        segment.save(update_fields=fields)
        audit.record(segment.environment, "change", segment, by=by, changes=_audited(changes))
    if changes.keys() & set(DEFINITION):
        start_refresh(segment, by=by)
    return None


@transaction.atomic
def make(segment: Segment, *, by: User) -> None:
    """Create a segment without refreshing it. Raises IntegrityError for a taken name."""
    segment.created_by = by
    segment.save()
    changes = {name: [None, getattr(segment, name)] for name in AUDITED}
    audit.record(segment.environment, "create", segment, by=by, changes=_audited(changes))


@transaction.atomic
def start_refresh(segment: Segment, *, by: User | None) -> None:
    """Queue a refresh of the members; a running refresh ends first."""
    segment.status, segment.refresh_started_at = SegmentStatus.REFRESHING, None
    segment.save(update_fields=["status", "refresh_started_at"])
    audit.record(segment.environment, "ask for refresh", segment, by=by)
    chores.enqueue(segment.pk, by.pk if by else None)


@transaction.atomic
def refresh(segment: Segment, *, by: User) -> bool:
    """Queue a refresh unless one is under way; return whether it was queued. Raises AlreadyGoneError."""
    if locked(Segment.objects.all(), segment).status == SegmentStatus.REFRESHING:
        return False
    start_refresh(segment, by=by)
    return True


def remove(segment: Segment, *, by: User) -> None:
    """Remove a segment and its members. Raises AlreadyGoneError, StillUsedError or BeingReadError."""
    members = members_table(segment)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            locked(Segment.objects.all(), segment)
            gone = {name: [getattr(segment, name), None] for name in AUDITED if getattr(segment, name)}
            audit.record(segment.environment, "remove", segment, by=by, changes=_audited(gone))
            segment.delete()
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(members))
    except ProtectedError as error:
        raise StillUsedError from error
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise BeingReadError from error
        raise


def _audited(changes: dict[str, list[Any]]) -> dict[str, Any]:
    """Return the table, and the fields of the conditions without their values, which may be personal data."""
    found = {name: pair for name, pair in changes.items() if pair[0] or pair[1]}
    if "table_id" in found:
        names = dict(Table.objects.filter(pk__in=filter(None, found["table_id"])).values_list("pk", "name"))
        found["table"] = [names.get(pk) for pk in found.pop("table_id")]
    if "conditions" in found:
        old, new = (conditions or [] for conditions in found["conditions"])
        said = [_said(condition) for condition in old]
        now = [_said(condition, is_changed=condition not in old and _said(condition) in said) for condition in new]
        found["conditions"] = [said, now]
    return found


def _said(condition: Condition, *, is_changed: bool = False) -> str:
    said = f"{label_of(condition)} {condition['operator']}"
    return f"{said} (another value)" if is_changed else said
