"""What the dispatcher does each second. Nothing here is lost or done twice when several look at once."""

from datetime import timedelta

from django.db.models.functions import Now
from django_q.models import OrmQ

from connections import testing, testing_daily
from exports import queueing
from exports.models import Run
from exports.refresh import advance
from roles import tidying

NUDGE_AFTER = timedelta(milliseconds=500)
MOST_NUDGES = 4


def look_once() -> None:
    """Put back lost runs, wake the cluster where runs wait that nobody has been told of; see to tests and tidy up."""
    queueing.reap()
    advance.look_again()
    waiting = Run.objects.claimable().filter(not_before__lt=Now() - NUDGE_AFTER)
    # A nudge that a worker has taken is locked in the queue; those that are not are still to come.
    if waiting.exists() and OrmQ.objects.filter(key="exports", lock__lte=Now()).count() < MOST_NUDGES:
        queueing.nudge()
    testing.end_overdue()
    testing_daily.ask_next()
    tidying.tidy_hourly()
