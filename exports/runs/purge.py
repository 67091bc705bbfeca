"""The nightly purge: removes expired runs with their logs, system refreshes and closed alerts.

The audit log keeps its events for good. An active run, the last run of an export and the last that delivered stay.
All times are the database's, and it decides who asks for a night's purge.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThanOrEqual, LessThan
from django_q.models import Failure, Success
from django_q.tasks import async_task
from psycopg import sql

from exports.models import MOMENT, REFRESHES_UNDER_WAY, Alert, Export, Run, RunLine, SystemRefresh
from exports.models.states import DELIVERED, FINAL
from roles.models import Environment

logger = logging.getLogger(__name__)

TASK = "exports.tasks.purge"
KEPT = timedelta(days=settings.KEEP_RUNS_DAYS)
KEPT_TASKS = {Success: timedelta(days=1), Failure: timedelta(days=30)}
BATCH = 500  # rows in one transaction, so that nobody waits for it
BATCH_OF_REFRESHES = 10  # each has a part for every table, segment and export
MOST_SECONDS = 300.0  # of one task, half of what the cluster allows
LOOK_EVERY = 60.0  # seconds

# A night begins at three o'clock of the portal's zone. The first look of all notes the night and purges nothing.
_CLAIM = sql.SQL(
    """
    INSERT INTO {table} AS kept (cache_key, value, expires)
    SELECT 'waybill:purge', to_char((now() AT TIME ZONE %(zone)s) - interval '3 hours', 'YYYY-MM-DD'), 'infinity'
    ON CONFLICT (cache_key) DO UPDATE SET value = excluded.value WHERE kept.value < excluded.value
    RETURNING xmax <> 0
    """
).format(table=sql.Identifier(str(settings.CACHES["default"]["LOCATION"])))
_looked_at: float | None = None


def ask_nightly() -> None:
    """Queue this night's purge if no dispatcher has queued it."""
    global _looked_at  # noqa: PLW0603
    now = time.monotonic()
    if _looked_at is not None and now - _looked_at < LOOK_EVERY:
        return
    _looked_at = now
    with transaction.atomic():
        if _is_mine():
            _ask()


def purge_tonight() -> None:
    """Remove what has expired; another task removes what is left when the time is up."""
    removed, is_done = purge(most_seconds=MOST_SECONDS)
    if removed:
        logger.info("Purged %s.", ", ".join(f"{count} {name}" for name, count in sorted(removed.items())))
    if not is_done:
        _ask()


def purge(*, most_seconds: float | None = None) -> tuple[Counter[str], bool]:
    """Remove what has expired, batch by batch; return how many rows by table, and whether nothing is left."""
    removed: Counter[str] = Counter()
    until = None if most_seconds is None else time.monotonic() + most_seconds
    for batch in _batches():
        _total, by_model = batch.delete()
        removed.update({name: count for name, count in by_model.items() if count})
        if until is not None and time.monotonic() >= until:
            return removed, False
    return removed, True


def counts() -> Counter[str]:
    """Return how many rows a purge would remove now, by table; nothing is removed."""
    runs = expired_runs()
    expired: list[QuerySet[Any]] = [runs, RunLine.objects.filter(run__in=runs), _expired_refreshes()]
    expired += [_expired_alerts(), *(_expired_tasks(kind) for kind in KEPT_TASKS)]
    return Counter({one.model._meta.label: count for one in expired if (count := one.count())})


def expired_runs() -> QuerySet[Run]:
    """Return the runs that may go: long ended, no export's last one, and not the newest that was delivered."""
    newer = Run.objects.filter(export=OuterRef("export"), pk__gt=OuterRef("pk"), state__in=DELIVERED, most_rows=None)
    is_last = Export.objects.filter(last_run=OuterRef("pk"))
    old = Run.objects.filter(LessThan(MOMENT, Now() - KEPT), ~Q(ended_at__gte=Now() - KEPT), state__in=FINAL)
    return old.filter(~Q(state__in=DELIVERED) | Q(most_rows__isnull=False) | Exists(newer), ~Exists(is_last))


def _expired_refreshes() -> QuerySet[SystemRefresh]:
    """Return the system refreshes that may go; each environment's newest stays."""
    newer = SystemRefresh.objects.filter(environment=OuterRef("environment"), pk__gt=OuterRef("pk"))
    old = SystemRefresh.objects.filter(queued_at__lt=Now() - KEPT).exclude(state__in=REFRESHES_UNDER_WAY)
    return old.filter(~Q(ended_at__gte=Now() - KEPT), Exists(newer))


def _expired_alerts() -> QuerySet[Alert]:
    return Alert.objects.filter(closed_at__lt=Now() - KEPT)


def _expired_tasks(kind: type[Success | Failure]) -> QuerySet[Any]:
    return kind.objects.filter(stopped__lt=Now() - KEPT_TASKS[kind])


def _batches() -> Iterator[QuerySet[Any]]:
    """Yield what may go in parts, each small enough for one transaction."""
    for environment in Environment.objects.values_list("pk", flat=True):
        yield from _runs_of(environment)
    yield from _again(_expired_refreshes, BATCH_OF_REFRESHES)
    yield from _again(_expired_alerts, BATCH)
    for kind in KEPT_TASKS:
        yield from _again(lambda kind=kind: _expired_tasks(kind), BATCH)  # type: ignore[misc]


def _runs_of(environment: int) -> Iterator[QuerySet[Run]]:
    """Yield an environment's runs that may go, the oldest first; those that stay are passed once, not each time."""
    expired = expired_runs().filter(environment=environment).order_by(MOMENT.asc(), F("pk").asc())
    found = list(expired.values_list("pk", MOMENT)[:BATCH])
    while found:
        yield Run.objects.filter(pk__in=[pk for pk, _moment in found]).only("pk")
        found = list(expired.filter(GreaterThanOrEqual(MOMENT, found[-1][1])).values_list("pk", MOMENT)[:BATCH])


def _again(expired: Callable[[], QuerySet[Any]], size: int) -> Iterator[QuerySet[Any]]:
    """Yield parts of what `expired` returns until there is none."""
    while keys := list(expired().values_list("pk", flat=True)[:size]):
        model: type[Model] = expired().model
        yield model._default_manager.filter(pk__in=keys)


def _is_mine() -> bool:
    """Whether a night has begun without a queued purge. The caller that gets True has to queue it."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"zone": settings.TIME_ZONE})
        row = cursor.fetchone()
    return bool(row and row[0])


def _ask() -> None:
    async_task(TASK, cluster="chores", save=False)
