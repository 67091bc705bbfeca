"""What the answer to a poll of Settings > System depends on, read in one query."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from connections.models import Connection
from exports.models import (
    REFRESHES_UNDER_WAY,
    Export,
    PartKind,
    RefreshPart,
    RefreshSchedule,
    RefreshState,
    Run,
    SystemRefresh,
)
from exports.models.states import State
from exports.refresh.pages.listing import Key
from roles.models import Environment, User
from roles.ui.polls import ages, read, versions
from segments.models import Segment, Table

_HERE = sql.SQL("t.environment_id = %(environment)s")
_OF_SHOWN = sql.SQL("FROM exports_export e WHERE e.id = ANY(%(export)s) AND e.environment_id = %(environment)s")
# Those under way and the last one, which the head of the page tells of; the parts of earlier ones stay as they are.
_REFRESHES = """(SELECT r.id FROM exports_systemrefresh r WHERE r.environment_id = %(environment)s
    AND r.state = ANY(%(under_way)s) UNION ALL (SELECT r.id FROM exports_systemrefresh r
    WHERE r.environment_id = %(environment)s AND r.state <> %(skipped)s ORDER BY r.id DESC LIMIT 1))"""
_TIMES = (
    "ARRAY(SELECT t.refreshed_at FROM segments_table t WHERE t.id = ANY(%(table)s) ORDER BY t.id)",
    "ARRAY(SELECT s.refreshed_at FROM segments_segment s WHERE s.id = ANY(%(segment)s) ORDER BY s.id)",
    "ARRAY(SELECT e.delivered_at FROM exports_export e WHERE e.id = ANY(%(export)s) ORDER BY e.id)",
    """ARRAY(SELECT r.not_before FROM exports_run r JOIN exports_export e ON r.id = e.last_run_id
        WHERE e.id = ANY(%(export)s) AND r.state = %(retrying)s ORDER BY e.id)""",
)
_IN_REFRESHES = sql.SQL("IN {}").format(sql.SQL(_REFRESHES))
_SINCE = sql.SQL(
    "ARRAY(SELECT coalesce(r.ended_at, r.started_at, r.queued_at) FROM exports_systemrefresh r WHERE r.id {})"
).format(_IN_REFRESHES)
_VERSIONS = (
    versions(Table, _HERE),
    versions(Segment, _HERE),
    versions(Export, _HERE),
    versions(Connection, _HERE),
    versions(RefreshSchedule, _HERE),
    versions(Run, sql.SQL("t.id IN (SELECT e.last_run_id {})").format(_OF_SHOWN)),
    versions(SystemRefresh, sql.SQL("t.id {}").format(_IN_REFRESHES)),
    versions(RefreshPart, sql.SQL("t.refresh_id {}").format(_IN_REFRESHES)),
    versions(
        User,
        sql.SQL("t.id IN (SELECT r.triggered_by_id FROM exports_systemrefresh r WHERE r.id {})").format(_IN_REFRESHES),
    ),
    # The purge removes the oldest: what they said of something does not count any more.
    sql.SQL("(SELECT min(r.id) FROM exports_systemrefresh r WHERE r.environment_id = %(environment)s)"),
)


def seen_of(environment: Environment, keys: Sequence[Key]) -> list[object]:
    """Return it for the lines `keys`."""
    values: dict[str, Any] = {kind.value: [pk for of, pk in keys if of == kind] for kind in PartKind}
    values |= {"environment": environment.pk, "retrying": State.RETRYING, "skipped": RefreshState.SKIPPED}
    values["under_way"] = list(REFRESHES_UNDER_WAY)
    times = [*map(sql.SQL, _TIMES), _SINCE]
    found = read([*times, *_VERSIONS], values)
    return [*map(ages, found[: len(times)]), *found[len(times) :]]
