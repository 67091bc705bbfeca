"""Starts and cancels a system refresh; one at a time in an environment, which the database sees to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from exports import actions
from exports.models import (
    REFRESHES_UNDER_WAY,
    RefreshPart,
    RefreshState,
    RefreshTrigger,
    SystemRefresh,
)
from exports.refresh import parts
from exports.refresh.events import record
from exports.refresh.plan import plan
from exports.refresh.step import step
from roles.audit import audit
from roles.messages import Message
from roles.messages import said as _
from roles.models import Environment, User

BATCH = 1000


class RefreshError(actions.RefusedError):
    """Why a system refresh cannot be started or canceled now, for people."""


def under_way(environment: Environment) -> SystemRefresh | None:
    """Return the environment's system refresh that has not ended, if any."""
    return SystemRefresh.objects.filter(environment=environment, state__in=REFRESHES_UNDER_WAY).first()


def start(
    environment: Environment,
    *,
    by: User | None,
    trigger: str = RefreshTrigger.PERSON,
    due: datetime | None = None,
    is_late: bool = False,
) -> SystemRefresh:
    """Begin a system refresh; it waits while the environment is paused. Raises RefreshError while one is under way.

    A `due` one ends as Skipped then, which names the earlier.
    """
    values = {"environment": environment, "trigger": trigger, "triggered_by": by, "due": due, "is_late": is_late}
    with transaction.atomic():
        try:
            with transaction.atomic():
                refresh = SystemRefresh.objects.create(**values)
        except IntegrityError:
            return _instead(environment, due, is_late=is_late)
        _store_plan(refresh)
        record(refresh, "ask for system refresh" if by else "start due system refresh", by=by)
    step(refresh.pk, by=by)
    refresh.refresh_from_db()
    return refresh


def cancel(refresh: SystemRefresh, *, by: User | None) -> None:
    """Cancel what waits at once and ask what runs to stop. Raises RefreshError when nothing is left to cancel."""
    with transaction.atomic():
        mine = SystemRefresh.objects.filter(pk=refresh.pk, state__in=REFRESHES_UNDER_WAY)
        found = mine.select_for_update(no_key=True).filter(cancel_requested_at=None).first()
        if found is None:
            raise RefreshError(_("The system refresh has ended or is already being canceled."))
        mine.update(cancel_requested_at=Now(), canceled_by=by)
        record(refresh, "cancel system refresh", by=by)
    step(refresh.pk, by=by)


def create_missed(environment: Environment, missed: Sequence[datetime]) -> None:
    """Record missed occurrences that a later one makes up for: one insert, one event, no alert."""
    reason = _("Missed while Waybill was not running")
    rows = [_skipped(environment, due, reason, is_late=True) for due in missed]
    SystemRefresh.objects.bulk_create(rows, ignore_conflicts=True)
    span = {"count": len(missed), "first": missed[0].isoformat(), "last": missed[-1].isoformat()}
    changes = {"refresh_state": RefreshState.SKIPPED, "reason": reason} | span
    audit.record(environment, "skip system refresh", environment, by=None, changes=changes)


def create_skipped(environment: Environment, due: datetime, reason: Message, *, is_late: bool) -> SystemRefresh:
    """Keep an occurrence that does not start, unless there is one of that time; return the refresh of that time."""
    if known := SystemRefresh.objects.filter(environment=environment, due=due).first():
        return known
    skipped = _skipped(environment, due, reason, is_late=is_late)
    skipped.save()
    record(skipped, "skip system refresh", refresh_state=skipped.state, reason=skipped.reason)
    return skipped


def _skipped(environment: Environment, due: datetime, reason: Message, *, is_late: bool) -> SystemRefresh:
    values: dict[str, Any] = {"state": RefreshState.SKIPPED, "trigger": RefreshTrigger.SCHEDULE, "ended_at": Now()}
    return SystemRefresh(environment=environment, due=due, reason=reason, is_late=is_late, **values)


def _instead(environment: Environment, due: datetime | None, *, is_late: bool) -> SystemRefresh:
    """What becomes of a start while there is another one: a due one is skipped, a person is told."""
    earlier = under_way(environment)
    if due is None:
        raise RefreshError(_("A system refresh is already running."))
    reason = _("The system refresh of %(when)s was still in progress") % {"when": earlier.queued_at if earlier else ""}
    return create_skipped(environment, due, reason, is_late=is_late)


def _store_plan(refresh: SystemRefresh) -> None:
    """Write the parts; those left out from the start have ended."""
    planned = plan(refresh.environment)
    rows = [
        RefreshPart(
            refresh=refresh,
            position=position,
            kind=one.kind,
            object_id=one.object_id,
            name=one.name,
            needs=one.needs,
            state=one.state,
            message=one.why_not,
        )
        for position, one in enumerate(planned)
    ]
    RefreshPart.objects.bulk_create(rows, batch_size=BATCH)
    parts.left_out(refresh).update(ended_at=Now())
