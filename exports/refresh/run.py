"""Starts and cancels a system refresh; one at a time in an environment, which the database sees to."""

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from exports import actions
from exports.models import (
    REFRESHES_UNDER_WAY,
    RefreshPart,
    RefreshState,
    RefreshTrigger,
    SystemRefresh,
)
from exports.refresh import parts
from exports.refresh.notes import note
from exports.refresh.plan import plan
from exports.refresh.stepping import step
from roles.models import Environment, User
from roles.words import exact_time

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
            return _instead(environment, values)
        _keep_plan(refresh)
        note(refresh, "ask for system refresh" if by else "start due system refresh", by=by)
    step(refresh.pk)
    refresh.refresh_from_db()
    return refresh


def cancel(refresh: SystemRefresh, *, by: User | None) -> None:
    """Cancel what waits at once and ask what runs to stop. Raises RefreshError when nothing is left to cancel."""
    with transaction.atomic():
        mine = SystemRefresh.objects.filter(pk=refresh.pk, state__in=REFRESHES_UNDER_WAY)
        found = mine.select_for_update(no_key=True).filter(cancel_requested_at=None).first()
        if found is None:
            raise RefreshError(_("The system refresh has ended or is being canceled already."))
        mine.update(cancel_requested_at=Now(), canceled_by=by)
        note(refresh, "cancel system refresh", by=by)
    step(refresh.pk)


def skip(environment: Environment, due: datetime, reason: str, *, is_late: bool = False) -> SystemRefresh | None:
    """Keep that the occurrence `due` did not run, and why; None where it is known already."""
    values: dict[str, Any] = {"trigger": RefreshTrigger.SCHEDULE, "is_late": is_late, "reason": reason[:200]}
    refresh, is_new = SystemRefresh.objects.get_or_create(
        environment=environment, due=due, defaults=values | {"state": RefreshState.SKIPPED, "ended_at": Now()}
    )
    if is_new:
        note(refresh, "skip system refresh", refresh_state=RefreshState.SKIPPED.value, reason=reason)
    return refresh if is_new else None


def _instead(environment: Environment, values: dict[str, Any]) -> SystemRefresh:
    """What becomes of a start while there is another one: a due one is skipped, a person is told."""
    earlier, due = under_way(environment), values["due"]
    if due is None:
        raise RefreshError(_("A system refresh is already running."))
    when = exact_time(earlier.queued_at) if earlier else ""
    skip(environment, due, _("The system refresh of %(when)s was still running") % {"when": when})
    return SystemRefresh.objects.get(environment=environment, due=due)


def _keep_plan(refresh: SystemRefresh) -> None:
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
