"""Runs whose wait is too long, because the database's clock was ahead when it was set."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from exports.models import Run
from exports.models.states import State
from exports.runs import lifecycle, retries
from exports.runs.nudging import nudge
from roles.audit import audit

SLACK = timedelta(minutes=5)  # a run whose worker died waits for seconds
TOO_LATE = Q(state=State.QUEUED, not_before__gt=Now() + SLACK) | Q(
    state=State.RETRYING, not_before__gt=Now() + retries.RETRY_FOR + SLACK
)
AT_ONCE = 500


def start_overdue() -> int:
    """Start these runs now, with an audit event for each; return their number."""
    lifecycle.LEASE.shorten()
    with transaction.atomic():
        found = Run.objects.filter(TOO_LATE).select_for_update(skip_locked=True, of=("self",))
        runs = list(found.select_related("environment", "export")[:AT_ONCE])
        Run.objects.filter(pk__in=[run.pk for run in runs]).update(not_before=Now())
        for run in runs:
            changes = {"not_before": run.not_before.isoformat()}
            audit.record(run.environment, "correct wait", run.export, by=None, changes=changes, run=run.uuid)
        if runs:
            nudge()
    return len(runs)
