"""Opens and closes alerts: at each change of a run's state, and every few seconds for what did not happen.

An alert is about a change: one that is open stays the only one of its kind, however often the trouble comes again.
It closes with the first run that shows the trouble to have ended, so a run that delivers late ends no lateness.
"""

import time
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.dispatch import receiver

from exports.alerts import outbox, words
from exports.alerts.opening import close_alerts, open_alert
from exports.models import Alert, AlertKind, RefreshSchedule, Run, Schedule
from exports.models.states import DELIVERED, State
from exports.runs.signals import run_changed
from exports.schedules.signals import switched_off
from roles.messages import Message
from roles.messages import said as _

LATE_AFTER = timedelta(minutes=10)
LOOK_EVERY = 5.0  # seconds
MOST_AT_ONCE = 200
TROUBLES = {State.FAILED: AlertKind.FAILED, State.HELD: AlertKind.HELD, State.SKIPPED: AlertKind.SKIPPED}

_looked_at = float("-inf")


@receiver(run_changed)
def on_run(*, run: Run, before: str, **_more: Any) -> None:
    """Open and close what the step from `before` means, in its transaction.

    Tests of ten alert nobody.
    """
    if run.most_rows:
        return
    if before == State.HELD:
        close_alerts(_of_export(run).filter(kind=AlertKind.HELD), words.decided(run))
    if run.state == State.RUNNING:
        _open_if_late(run)
    elif run.state in DELIVERED:
        _recover(run)
    elif run.state in TROUBLES:
        _open(run, TROUBLES[State(run.state)], words.trouble(run))


@receiver(switched_off)
def on_switched_off(*, schedule: Schedule | RefreshSchedule, **_more: Any) -> None:
    """Open the alert of a schedule that switched itself off."""
    if isinstance(schedule, Schedule):
        export, text = schedule.export, words.switched_off(schedule.problem)
        open_alert(export.environment, AlertKind.NEVER_STARTED, text, export=export)
    else:
        text = words.refresh_switched_off(schedule.problem)
        open_alert(schedule.environment, AlertKind.NEVER_STARTED, text)


def check() -> None:
    """Check for overdue runs and for waiting messages. Callers call it often; it works only every few seconds."""
    global _looked_at  # noqa: PLW0603
    if time.monotonic() - _looked_at < LOOK_EVERY:
        return
    _looked_at = time.monotonic()
    check_now()


def check_now() -> None:
    """Check now."""
    _open_unstarted()
    _look_at_schedules()
    _look_at_refresh_schedules()
    outbox.nudge_if_waiting()


def _open_if_late(run: Run) -> None:
    """Open the alert of a run that started late, unless an alert said already that it did not start."""
    if _is_late(run) and not _unstarted(run).exists():
        _open(run, AlertKind.LATE, words.late(run, _lateness(run)))


def _recover(run: Run) -> None:
    """Close the alerts about problems that the delivered run shows to be over."""
    kinds = set(_of_export(run).filter(closed_at=None).values_list("kind", flat=True))
    if _is_late(run):
        kinds -= {AlertKind.LATE, AlertKind.NEVER_STARTED}
    if AlertKind.SKIPPED in kinds and _was_skipped_since(run):
        kinds.discard(AlertKind.SKIPPED)
    ended = _of_export(run).filter(kind__in=kinds - {AlertKind.NEVER_STARTED})
    if kinds:
        close_alerts(ended, words.delivered(run))
    if AlertKind.NEVER_STARTED in kinds:
        close_alerts(_unstarted(run), words.delivered(run))


def _open_unstarted() -> None:
    """Open the alerts of runs that were due long ago and that no worker took."""
    long_ago = Now() - LATE_AFTER
    never_taken = Run.objects.filter(state=State.QUEUED, started_at=None, most_rows=None)
    due = never_taken.filter(due__lt=long_ago, not_before__lt=long_ago)
    waiting = due.filter(environment__paused_at=None).exclude(_has_open("export"))
    for found in waiting[:MOST_AT_ONCE]:
        with transaction.atomic():  # it may start in this moment
            locked = due.filter(pk=found.pk).select_for_update(skip_locked=True, of=("self",))
            if run := locked.select_related("environment", "export").first():
                _open(run, AlertKind.NEVER_STARTED, words.unstarted(run))


def _look_at_schedules() -> None:
    """Schedules that switched themselves off, and those that work again."""
    broken = Schedule.objects.exclude(problem="")
    for schedule in broken.exclude(_has_open("export")).select_related("export__environment")[:MOST_AT_ONCE]:
        on_switched_off(schedule=schedule)
    mended = _of_schedules().exclude(export=None).exclude(export__in=broken.values("export"))
    close_alerts(mended, _("The schedule works again."))


def _look_at_refresh_schedules() -> None:
    """The same for the schedules of system refreshes."""
    broken = RefreshSchedule.objects.exclude(problem="")
    said = Alert.objects.filter(
        environment=OuterRef("environment"), export=None, kind=AlertKind.NEVER_STARTED, closed_at=None
    )
    for schedule in broken.exclude(Exists(said)).select_related("environment"):
        on_switched_off(schedule=schedule)
    mended = _of_schedules().filter(export=None, refresh=None).exclude(environment__in=broken.values("environment"))
    close_alerts(mended, _("The schedule of the system refresh works again."))


def _of_schedules() -> QuerySet[Alert]:
    """The open alerts that are about a schedule, not about one of its occurrences."""
    return Alert.objects.filter(kind=AlertKind.NEVER_STARTED, run=None, closed_at=None)


def _has_open(export: str) -> Exists:
    """Match rows whose `export` is said already not to start."""
    return Exists(Alert.objects.filter(export=OuterRef(export), kind=AlertKind.NEVER_STARTED, closed_at=None))


def _of_export(run: Run) -> QuerySet[Alert]:
    return Alert.objects.filter(export=run.export_id)


def _unstarted(run: Run) -> QuerySet[Alert]:
    """The open alerts that occurrences of the run's export did not start."""
    return _of_export(run).filter(kind=AlertKind.NEVER_STARTED, closed_at=None).exclude(run=None)


def _open(run: Run, kind: AlertKind, text: Message) -> None:
    open_alert(run.environment, kind, text, export=run.export, run=run)


def _lateness(run: Run) -> timedelta:
    """How long after its time it started, a pause left out; nothing for a run without one."""
    if run.due is None or run.started_at is None:
        return timedelta()
    # Later than its start `not_before` is that of another try, which tells nothing.
    is_first = run.not_before <= run.started_at
    return run.started_at - (max(run.due, run.not_before) if is_first else run.due)


def _is_late(run: Run) -> bool:
    """Whether it started late by itself, not because a person took their time to release it."""
    return not run.is_released and (run.is_late or _lateness(run) > LATE_AFTER)


def _was_skipped_since(run: Run) -> bool:
    """Whether an occurrence was skipped while the run went on."""
    return Run.objects.filter(export=run.export_id, pk__gt=run.pk, state=State.SKIPPED).exists()
