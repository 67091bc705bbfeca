"""Retries of temporary failures: growing backoff, and a limit (docs/rules.md)."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models.functions import Coalesce, Greatest, Now

from exports.models import Run, ScheduleMode

WAITS = (1, 5, 15, 30, 60)  # minutes; the last one repeats
JITTER = 0.2  # of a wait, either way: what failed together does not come back together
RETRY_FOR = timedelta(hours=6)


def wait_before(tries: int, retry_after: float | None, chance: Callable[[], float] = random.random) -> timedelta:
    """Return how long to wait after `tries` earlier failures; `chance` gives 0 to 1.

    What the target asked for (`retry_after`, seconds) is the least, RETRY_FOR the most.
    """
    minutes = WAITS[min(tries, len(WAITS) - 1)] * (1 - JITTER + 2 * JITTER * chance())
    asked = retry_after if retry_after and retry_after > 0 else 0.0
    return max(timedelta(minutes=minutes), timedelta(seconds=min(asked, RETRY_FOR.total_seconds())))


def has_time_for(run: Run, wait: timedelta) -> bool:
    """Whether a try after `wait` comes before the export's next occurrence, and within RETRY_FOR."""
    began = Greatest(Coalesce("started_at", "queued_at"), "decided_at")  # of a held one: since a person released it
    mine = Run.objects.filter(pk=run.pk).annotate(now=Now(), began=began)
    found = mine.values_list(
        "now", "began", "export__schedule_mode", "export__schedule__next_due",
        "environment__refresh_schedule__is_on", "environment__refresh_schedule__next_due",
    ).first()  # fmt: skip
    if found is None:
        return False
    now, began_at, mode, own, is_on, refresh = found
    following: datetime | None = own if mode == ScheduleMode.OWN else None
    if mode == ScheduleMode.REFRESH and is_on:
        following = refresh
    until = min(began_at + RETRY_FOR, following) if following else began_at + RETRY_FOR
    return bool(now + wait <= until)
