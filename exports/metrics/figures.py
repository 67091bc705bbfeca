"""The figures of /metrics, read from the database at each scrape, so that every web process gives the same.

Labels are environments' slugs and our own words, never names of exports, connections or people.
"""

import math
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, F, Max, Min, QuerySet, When
from django.db.models.functions import Greatest, Now
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exports.models import (
    MOMENT,
    REFRESHES_UNDER_WAY,
    Alert,
    AlertDelivery,
    AlertKind,
    DeliveryState,
    RefreshSchedule,
    Run,
    Schedule,
    SystemRefresh,
)
from exports.models.states import ACTIVE, FINAL
from exports.runs import budget
from roles import heartbeats
from roles.models import Environment, Heartbeat

LATELY = timedelta(hours=1)
Row = tuple[tuple[str, ...], float]


def exposition() -> bytes:
    """Return all figures in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Figures())
    return generate_latest(registry)


class _Figures(Collector):
    def describe(self) -> list[GaugeMetricFamily]:
        """Query nothing while registering."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for name, text, labels, rows in FIGURES:
            family = GaugeMetricFamily(f"waybill_{name}", text, labels=labels)
            for values, number in rows():
                family.add_metric(values, number)
            yield family


def _active_runs() -> Iterator[Row]:
    found = _counts(Run.objects.active().order_by(), "environment__slug", "state")
    for slug in _slugs():
        yield from (((slug, state), found.get((slug, state), 0)) for state in ACTIVE)


def _ended_runs() -> Iterator[Row]:
    """Count by environment, each by the index that its history uses."""
    for key, slug in Environment.objects.values_list("pk", "slug"):
        found = _counts(_of_last_hour(key).filter(state__in=FINAL), "state")
        yield from (((slug, state), found.get((state,), 0)) for state in FINAL)


def _waiting() -> list[Row]:
    return [((), _seconds(budget.takeable().order_by(), "not_before"))]


def _overdue() -> Iterator[Row]:
    for kind, model in (("export", Schedule), ("system refresh", RefreshSchedule)):
        yield (kind,), _seconds(model._default_manager.filter(next_due__lt=Now()), "next_due")


def _lateness() -> Iterator[Row]:
    """Lateness without pauses and without runs that a person released. A later `not_before` is that of a retry."""
    could = Case(When(not_before__lte=F("started_at"), then=Greatest("due", "not_before")), default=F("due"))
    for key, slug in Environment.objects.values_list("pk", "slug"):
        started = _of_last_hour(key).filter(due__isnull=False, started_at__isnull=False, is_released=False)
        latest = started.aggregate(latest=Max(F("started_at") - could))["latest"]
        yield (slug,), latest.total_seconds() if latest else 0.0


def _heartbeats() -> Iterator[Row]:
    """The age of the last heartbeat of each kind; infinite if there was none within a day."""
    signs = Heartbeat.objects.order_by().values_list("kind").annotate(age=Min(Now() - F("seen_at")))
    seen = {kind: age.total_seconds() for kind, age in signs}
    yield from (((kind,), seen.get(kind, math.inf)) for kind in heartbeats.KINDS)


def _processes() -> Iterator[Row]:
    alive = Heartbeat.objects.filter(seen_at__gt=Now() - heartbeats.SILENT_AFTER).order_by()
    found = _counts(alive, "kind")
    yield from (((kind,), found.get((kind,), 0)) for kind in heartbeats.KINDS)


def _problems() -> Iterator[Row]:
    own = _counts(Schedule.objects.exclude(problem=""), "export__environment__slug")
    refreshes = _counts(RefreshSchedule.objects.exclude(problem=""), "environment__slug")
    yield from (((slug,), own.get((slug,), 0) + refreshes.get((slug,), 0)) for slug in _slugs())


def _open_alerts() -> Iterator[Row]:
    found = _counts(Alert.objects.filter(closed_at=None).order_by(), "environment__slug", "kind")
    for slug in _slugs():
        yield from (((slug, kind), found.get((slug, kind), 0)) for kind in AlertKind.values)


def _deliveries() -> Iterator[Row]:
    unsent = (DeliveryState.WAITING, DeliveryState.PARTLY, DeliveryState.FAILED)
    found = _counts(AlertDelivery.objects.filter(state__in=unsent).order_by(), "state")
    yield from (((state,), found.get((state,), 0)) for state in unsent)


def _refreshes() -> Iterator[Row]:
    found = _counts(SystemRefresh.objects.filter(state__in=REFRESHES_UNDER_WAY).order_by(), "environment__slug")
    yield from (((slug,), found.get((slug,), 0)) for slug in _slugs())


def _paused() -> Iterator[Row]:
    paused = Environment.objects.values_list("slug", "paused_at")
    yield from (((slug,), float(at is not None)) for slug, at in paused)


def _disk() -> list[Row]:
    return [((), shutil.disk_usage(settings.DATA_DIR).free)]


def _slugs() -> QuerySet[Environment, str]:
    return Environment.objects.values_list("slug", flat=True)


def _of_last_hour(environment: int) -> QuerySet[Run]:
    """Return the runs that were due or asked for within the last hour."""
    return Run.objects.alias(moment=MOMENT).filter(environment=environment, moment__gt=Now() - LATELY).order_by()


def _counts(rows: QuerySet[Any], *by: str) -> dict[tuple[str, ...], int]:
    """Return how many rows there are of each combination of `by`."""
    return {tuple(values): number for *values, number in rows.values_list(*by).annotate(Count("pk"))}


def _seconds(rows: QuerySet[Any], field: str) -> float:
    """Return the age of the earliest `field` in seconds; 0 if there is none."""
    oldest = rows.aggregate(oldest=Max(Now() - F(field)))["oldest"]
    return float(oldest.total_seconds()) if oldest else 0.0


FIGURES: tuple[tuple[str, str, tuple[str, ...], Callable[[], Iterable[Row]]], ...] = (
    ("runs", "Runs that have not ended.", ("environment", "state"), _active_runs),
    ("runs_last_hour", "Runs of the last hour that have ended.", ("environment", "state"), _ended_runs),
    ("oldest_claimable_seconds", "How long the oldest run waits that a worker may take.", (), _waiting),
    ("overdue_seconds", "How long ago the oldest occurrence was due that nothing has taken.", ("kind",), _overdue),
    ("start_lateness_seconds", "The latest start of a scheduled run in the last hour.", ("environment",), _lateness),
    ("heartbeat_age_seconds", "Since a process of the kind showed life.", ("kind",), _heartbeats),
    ("processes", "Processes that show life.", ("kind",), _processes),
    ("schedule_problems", "Schedules that switched themselves off.", ("environment",), _problems),
    ("alerts_open", "Alerts that are open.", ("environment", "kind"), _open_alerts),
    ("alert_deliveries", "Messages of alerts that have not gone out.", ("state",), _deliveries),
    ("system_refreshes", "System refreshes that are going on.", ("environment",), _refreshes),
    ("environment_paused", "1 while an environment starts nothing.", ("environment",), _paused),
    ("disk_free_bytes", "Room at the data directory of the machine that answers.", (), _disk),
)
