"""Tests connections in the background, and stores the results.

The row is the truth: `check_asked_at` is set while a test waits or runs, and changes when a worker takes it, so that
a second delivery of the task, or a worker that was given up, changes nothing. All times are the database's.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django_q.tasks import async_task

from connections.destinations.base import CheckStep
from connections.models import Connection, ConnectionQuerySet
from connections.testing.checks import DEADLINE_SECONDS, Check, walk
from roles.audit import audit
from roles.messages import said as _
from roles.models import User

TASK = "connections.tasks.check"
CLUSTER = "chores"
GIVEN_UP_AFTER = timedelta(seconds=DEADLINE_SECONDS + 15)

# What a test writes, each with its value where there was none.
NONE: dict[str, Any] = {
    "checked_at": None,
    "is_check_ok": None,
    "check_steps": [],
    "check_asked_at": None,
    "check_asked_by": None,
    "expires_at": None,
}
# Of one whose target is not known to be silent.
ANSWERS: dict[str, Any] = {"unanswered_since": None}
ENDED: dict[str, Any] = {"check_asked_at": None, "check_asked_by": None}


def other_fields() -> list[str]:
    """Return the names of a connection's fields that neither tests nor runs write."""
    fields = Connection._meta.concrete_fields
    written = {*NONE, *ANSWERS}
    return [field.name for field in fields if not field.primary_key and field.name not in written]


def drop_result(connection: Connection) -> None:
    """Drop the last result and a running test: the connection has changed since."""
    forgotten = NONE | ANSWERS
    Connection.objects.filter(pk=connection.pk).update(**forgotten)
    for name, value in forgotten.items():
        setattr(connection, name, value)


def request_test(connection: Connection, *, by: User | None) -> bool:
    """Queue a test for `by` (None: the system); False if one is already under way."""
    free = Connection.objects.filter(pk=connection.pk, check_asked_at=None)
    with transaction.atomic():
        is_new = bool(free.update(check_asked_at=Now(), check_asked_by=by))
        connection.refresh_from_db(fields=list(NONE))
        if is_new and connection.check_asked_at:
            asked_at = connection.check_asked_at.isoformat()
            async_task(TASK, connection.pk, asked_at, cluster=CLUSTER, save=False)
    return is_new


def perform(connection_id: int, asked_at: datetime) -> None:
    """Run the test requested at `asked_at`, unless it was taken, given up or dropped."""
    connection = _claim(connection_id, asked_at)
    if connection is None:
        return
    check = Check([])
    for check in walk(connection):
        if not _mine(connection).update(check_steps=[step.as_json() for step in check.steps]):
            break  # dropped; what the target still does is left to its own time limits
    _end(connection, check)


def is_overdue(connection: Connection) -> bool:
    """Whether the test should have ended long ago."""
    return _overdue().filter(pk=connection.pk).exists()


def end_overdue(connection: Connection | None = None) -> None:
    """Fail the tests that should have ended long ago, of all connections or one: their worker died or never came."""
    overdue = _overdue() if connection is None else _overdue().filter(pk=connection.pk)
    for one in overdue.select_related("environment", "check_asked_by"):
        if one.is_check_running or one.check_asked_by:
            _end(one, Check(_given_up(one)))
        else:  # nobody waits for it, and it says nothing about the connection
            _mine(one).update(**ENDED)


def _overdue() -> ConnectionQuerySet:
    return Connection.objects.filter(check_asked_at__lt=Now() - GIVEN_UP_AFTER)


def _claim(connection_id: int, asked_at: datetime) -> Connection | None:
    """Claim the request, so that nobody else runs the test."""
    with transaction.atomic():
        wished = Connection.objects.filter(pk=connection_id, check_asked_at=asked_at)
        if not wished.update(check_asked_at=Now(), check_steps=[]):
            return None
        return Connection.objects.select_related("environment", "check_asked_by").get(pk=connection_id)


def _mine(connection: Connection) -> ConnectionQuerySet:
    return Connection.objects.filter(pk=connection.pk, check_asked_at=connection.check_asked_at)


def _end(connection: Connection, check: Check) -> None:
    """Store the result, unless the connection changed meanwhile."""
    failed = next((step.name for step in check.steps if step.state == "failed"), "")
    changes: dict[str, Any] = {"is_check_ok": check.is_ok} | ({"step": failed} if failed else {})
    with transaction.atomic():
        if not _store_result(connection, check):
            changes["is_dropped"] = True
            _mine(connection).update(**NONE)
        audit.record(connection.environment, "test", connection, by=connection.check_asked_by, changes=changes)


def _store_result(connection: Connection, check: Check) -> bool:
    """Store the result if the connection is unchanged; rotated keys do not change its secrets."""
    tested = {name: getattr(connection, name) for name in ("type", "settings", "secrets_at")}
    result: dict[str, Any] = {"is_check_ok": check.is_ok, "check_steps": [step.as_json() for step in check.steps]}
    if check.is_ok:
        result |= ANSWERS
    if check.is_ok or check.expires_at:  # a failed one may not have come so far as to learn it
        result["expires_at"] = check.expires_at
    return bool(_mine(connection).filter(**tested).update(checked_at=Now(), **result, **ENDED))


def _given_up(connection: Connection) -> list[CheckStep]:
    """Return the steps of an unfinished test, failed at the current one."""
    if not connection.is_check_running:
        text = _("The test did not finish: no worker was available. Test again, or ask your Waybill operator.")
        return [CheckStep(_("Wait for a worker"), "failed", text)]
    text = _("The test did not finish: its worker stopped. Test again.")
    return [CheckStep(step.name, "failed", text) if step.state == "running" else step for step in connection.steps]
