"""Makes a segment's member list: `refresh`, whoever calls it.

The new list is built beside the old one and takes its place in the same transaction as count and status; a failure
leaves the old members. While an export is reading the old list, that is changed row by row instead: its readers
keep their snapshot, and nobody waits. The table is a logged one: after a crash of PostgreSQL an unlogged one would
be empty without a word.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import psycopg
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from psycopg import pq, sql

from roles import shared_memory
from roles.audit import audit
from roles.messages import EMPTY, Message, SaidError
from roles.messages import said as _
from roles.models import User
from segments import chores, rules
from segments.models import Segment, SegmentError, SegmentStatus
from segments.relationships import related_names
from segments.warehouse import sessions
from segments.warehouse.queries import WORK_SCHEMA, columns_of, key_names, members_table, rules_where, table_name
from segments.warehouse.reader import SESSION

logger = logging.getLogger(__name__)

LOCKED_WITHIN = timedelta(seconds=10)  # from the start of a refresh until it holds its segment's lock
STUCK = _("The refresh did not finish. Refresh the segment again.")
# Nested loops over two million members would never end; the planner knows little about a list just computed.
PLANNER = SESSION + "; SET LOCAL enable_nestloop = off"


class RefreshError(SaidError):
    """The member list could not be made; the text says why, for everyone. The old members remain."""


def refresh(segment: Segment, *, by: User | None = None) -> int:
    """Compute the members anew and return their number. Raises RefreshError, also kept as the segment's error.

    Two refreshes of one segment run one after the other. `segment` is loaded again from the database.
    """
    started = _start(segment, by)
    try:
        with _undone_when_interrupted(segment.pk, started), transaction.atomic(), _ended_when_interrupted():
            count = _refresh_locked(segment, by)
    except (rules.RulesError, RefreshError, DatabaseError, psycopg.Error) as error:
        message = _explain(segment, error).masked()  # everybody reads it, and values may be somebody's data
        _fail(segment, message, by)
        segment.refresh_from_db()
        raise RefreshError(message) from error
    segment.refresh_from_db()
    return count


@transaction.atomic
def _start(segment: Segment, by: User | None) -> datetime | None:
    """Note the refresh with the database's time, which is returned; None for a segment that is gone."""
    mine = Segment.objects.filter(pk=segment.pk)
    if mine.update(status=SegmentStatus.REFRESHING, refresh_started_at=Now()):
        changes = {"member_count": mine.values_list("member_count", flat=True).get()}
        audit.record(segment.environment, "start refresh", segment, by=by, changes=changes)
    return mine.values_list("refresh_started_at", flat=True).first()


@transaction.atomic
def _fail(segment: Segment, message: Message, by: User | None) -> None:
    """Keep why the refresh failed, for everybody."""
    mine = Segment.objects.filter(pk=segment.pk)
    if mine.update(status=SegmentStatus.FAILED, error=message, error_code=""):
        changes = {"member_count": mine.values_list("member_count", flat=True).get(), "message": message}
        audit.record(segment.environment, "fail refresh", segment, by=by, changes=changes)


def heal_stuck(segments: list[Segment]) -> None:
    """Mark refreshes as failed, here and in the database, if nobody works on them or will begin."""
    unsure = [segment for segment in segments if segment.status == SegmentStatus.REFRESHING]
    expected = chores.expected() if any(segment.refresh_started_at is None for segment in unsure) else set()
    for segment in unsure:
        if segment.refresh_started_at or segment.pk not in expected:
            _heal(segment)


def lock(segment_id: int, *, wait: bool = True) -> bool:
    """Take the segment's lock for the rest of the transaction; without `wait` say whether that worked."""
    function = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtextextended(%s, 0))", [f"waybill:segment:{segment_id}"])
        return cursor.fetchone()[0] is not False


def _heal(segment: Segment) -> None:
    with transaction.atomic():
        if not lock(segment.pk, wait=False):
            return  # somebody is still at it
        mine = Segment.objects.filter(pk=segment.pk, status=SegmentStatus.REFRESHING)
        is_old = Q(refresh_started_at=None) | Q(refresh_started_at__lt=Now() - LOCKED_WITHIN)
        stuck = mine.filter(is_old, refresh_started_at=segment.refresh_started_at)
        if stuck.update(status=SegmentStatus.FAILED, error=STUCK, error_code=SegmentError.STUCK):
            audit.record(segment.environment, "fail refresh", segment, by=None, changes={"message": STUCK})
            segment.status, segment.error = SegmentStatus.FAILED, STUCK


@contextmanager
def _undone_when_interrupted(segment_id: int, started: datetime | None) -> Iterator[None]:
    """Give the segment its former status when the process is told to stop: nobody refreshes it any more."""
    try:
        yield
    except Exception:
        raise
    except BaseException:
        with suppress(Exception):  # at worst it is healed later
            _undo(segment_id, started)
        raise


@contextmanager
def _ended_when_interrupted() -> Iterator[None]:
    """Let the server end a statement that nobody waits for, and release the segment's lock."""
    try:
        yield
    except BaseException:
        raw = connection.connection
        if raw is not None and raw.pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
            with suppress(Exception):
                raw.cancel_safe(timeout=2)
        raise


@transaction.atomic
def _undo(segment_id: int, started: datetime | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
    segment = Segment.objects.get(pk=segment_id)
    status = SegmentStatus.NEW if segment.member_count is None else SegmentStatus.READY
    status = SegmentStatus.FAILED if segment.error else status
    values = {"status": status, "refresh_started_at": None}
    if chores.is_waiting(segment_id):
        values["status"] = SegmentStatus.REFRESHING
    ours = Segment.objects.filter(pk=segment_id, status=SegmentStatus.REFRESHING, refresh_started_at=started)
    if ours.update(**values):
        audit.record(segment.environment, "stop refresh", segment, by=None)


def _refresh_locked(segment: Segment, by: User | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sessions.settings(connection.connection.info.server_version))
    lock(segment.pk)
    current = _current(segment)
    before = current.member_count
    count = _make_members(current)
    Segment.objects.filter(pk=current.pk).update(
        status=SegmentStatus.READY, error=EMPTY, error_code="", member_count=count, refreshed_at=timezone.now()
    )
    changes = {"member_count": [before, count]}
    audit.record(current.environment, "refresh", current, by=by, changes=changes)
    return count


def _current(segment: Segment) -> Segment:
    try:
        return Segment.objects.select_related("environment", "table__environment").get(pk=segment.pk)
    except ObjectDoesNotExist:
        raise RefreshError(_("The segment was removed.")) from None


def _make_members(segment: Segment) -> int:
    keys = key_names(segment.table)
    if not keys:
        raise RefreshError(_("The table %(table)s has no key. Import it with one.") % {"table": segment.table})
    types: dict[str, str] = dict(segment.table.fields.values_list("name", "pg_type"))
    where = rules_where(segment.table, segment.match, segment.conditions)
    wanted = sql.SQL("SELECT {} FROM {} t WHERE {}").format(
        sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(key)) for key in keys),
        table_name(segment.table),
        where,
    )
    with connection.cursor() as cursor:
        cursor.execute(PLANNER)
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(_read(segment)))
        cursor.execute(sql.SQL("CREATE TABLE {} AS {}").format(_built(segment), wanted))
        cursor.execute(sql.SQL("ANALYZE {}").format(_built(segment)))
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(_built(segment)))
        count: int = cursor.fetchone()[0]
    if not _swap(segment):
        _apply_difference(segment, [(key, types[key]) for key in keys])
    return count


def _read(segment: Segment) -> sql.Composed:
    """Name what the rules read: the segment's table and those that its conditions lead to."""
    schema = segment.environment.warehouse_schema
    names = {segment.table.name, *related_names(segment.conditions)}
    return sql.SQL(", ").join(sql.Identifier(schema, name) for name in sorted(names))


def _built(segment: Segment) -> sql.Identifier:
    return sql.Identifier(WORK_SCHEMA, f"members_{segment.pk}_new")


def _swap(segment: Segment) -> bool:
    """Replace the old list by the new one, unless somebody is reading it."""
    members = members_table(segment)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = 50")  # milliseconds
            cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(members))
            rename = sql.SQL("ALTER TABLE {} RENAME TO {}")
            cursor.execute(rename.format(_built(segment), sql.Identifier(f"members_{segment.pk}")))
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            return False
        raise
    return True


def _fits(segment: Segment, columns: list[tuple[str, str]]) -> bool:
    """Whether there is a member table with these key columns; another key or type needs a new one."""
    found = columns_of(WORK_SCHEMA, f"members_{segment.pk}").items()
    return [(name, pg_type.removesuffix(" without time zone")) for name, pg_type in found] == columns


def _apply_difference(segment: Segment, columns: list[tuple[str, str]]) -> None:
    """Delete old members and insert new ones; unchanged members cost no write."""
    if not _fits(segment, columns):
        raise RefreshError(_("The key of the table changed while the list was read. Refresh again later."))
    same = sql.SQL(" AND ").join(sql.SQL("m.{0} = w.{0}").format(sql.Identifier(key)) for key, _type in columns)
    names = {"members": members_table(segment), "built": _built(segment), "same": same}
    with connection.cursor() as cursor:
        for statement in (
            "DELETE FROM {members} m WHERE NOT EXISTS (SELECT FROM {built} w WHERE {same})",
            "INSERT INTO {members} SELECT w.* FROM {built} w WHERE NOT EXISTS (SELECT FROM {members} m WHERE {same})",
            "DROP TABLE {built}",
        ):
            cursor.execute(sql.SQL(statement).format(**names))


def _explain(segment: Segment, error: Exception) -> Message:
    if isinstance(error, rules.RulesError | RefreshError):
        return error.message
    logger.error("Refresh of segment %s failed", segment.pk, exc_info=error)
    cause = error.__cause__ or error
    if isinstance(cause, psycopg.errors.UndefinedTable):
        return _("Its table no longer exists. Import the table again, then refresh.")
    return shared_memory.advice(cause) or _(
        "The database could not create the list. Refresh again; if that fails, ask your Waybill operator."
    )
