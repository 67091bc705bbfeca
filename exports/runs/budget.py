"""How many runs go through one connection at once, and how many start in a minute.

A run counts for the connection that it sends through; before it sends, for its export's. A silent connection takes
one run at a time, and all silent ones together leave a worker of each machine to the others.
"""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection as database
from django.db.models import Case, Count, Q, QuerySet, When
from django.db.models.functions import Coalesce, Now

from connections.destinations.base import Destination
from connections.destinations.registry import destinations
from connections.models import Connection
from exports.models import Run
from exports.models.states import State

MINUTE = timedelta(minutes=1)
SILENT_WAIT_FOR = timedelta(minutes=5)  # others, at most
THROUGH = Coalesce("connection_id", "export__connection_id")


@dataclass(frozen=True)
class Budget:
    """What one connection takes; `starts_per_minute` None: any number."""

    at_once: int
    starts_per_minute: int | None

    def has_room(self, running: int, started: int) -> bool:
        """Whether one more may start beside `running` ones, `started` within the last minute."""
        return running < self.at_once and (self.starts_per_minute is None or started < self.starts_per_minute)


def budget_of(type_: str, most_at_once: int | None, *, is_silent: bool = False) -> Budget:
    """Return the budget of a connection of the type `type_`, of which an administrator may have set the first part."""
    declared = destinations().get(type_, Destination)
    return Budget(1 if is_silent else most_at_once or declared.at_once, declared.starts_per_minute)


def silent() -> set[int]:
    """Return the ids of the connections whose target does not answer."""
    return set(Connection.objects.silent().values_list("pk", flat=True))


def full() -> set[int]:
    """Return the ids of the connections that take no further run now."""
    mute, running, started = silent(), _count(_running()), _count(_started(_limited()))
    found = Connection.objects.filter(pk__in={*running, *started}).values_list("pk", "type", "most_at_once")
    taken = {
        pk
        for pk, type_, most in found
        if not budget_of(type_, most, is_silent=pk in mute).has_room(running.get(pk, 0), started.get(pk, 0))
    }
    return taken | mute if mute and not _has_worker_for_silent(mute) else taken


def takeable() -> QuerySet[Run]:
    """Return the runs that a worker could claim now, the longest waiting first."""
    waiting = Run.objects.claimable()
    taken = full()
    return waiting.filter(~Q(export__connection__in=taken) | Q(export__connection=None)) if taken else waiting


def in_turn(waiting: QuerySet[Run]) -> QuerySet[Run]:
    """Return `waiting` with the runs of silent connections last, until they have waited for some minutes."""
    mute = silent()
    if not mute:
        return waiting
    is_last = Q(export__connection__in=mute, not_before__gt=Now() - SILENT_WAIT_FOR)
    return waiting.order_by(Case(When(is_last, then=1), default=0), "not_before", "pk")


def has_room(pk: int, type_: str, most_at_once: int | None) -> bool:
    """Whether one more run may start. Other callers for the connection wait until this transaction ends."""
    _lock(f"waybill:connection:{pk}")
    mute = silent()
    if pk in mute:
        _lock("waybill:silent connections")
    budget = budget_of(type_, most_at_once, is_silent=pk in mute)
    running = _running().annotate(through=THROUGH).filter(through=pk).count()
    is_limited = budget.starts_per_minute is not None
    started = _started([type_]).annotate(through=THROUGH).filter(through=pk).count() if is_limited else 0
    return budget.has_room(running, started) and (pk not in mute or _has_worker_for_silent(mute))


def has_another(run: Run) -> bool:
    """Whether another run goes through the connection of `run` now."""
    others = _running().exclude(pk=run.pk)
    return others.annotate(through=THROUGH).filter(through=run.export.connection_id).exists()


def _lock(name: str) -> None:
    """Have other callers wait until this transaction ends."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _has_worker_for_silent(mute: set[int]) -> bool:
    """Whether this machine may work on one more run of a silent connection: one worker is for the others."""
    here = _running().filter(worker__startswith=f"{socket.gethostname()}:")
    return here.annotate(through=THROUGH).filter(through__in=mute).count() < max(1, settings.EXPORT_WORKERS - 1)


def _running() -> QuerySet[Run]:
    return Run.objects.filter(state=State.RUNNING)


def _started(types: Iterable[str]) -> QuerySet[Run]:
    """Runs through connections of `types` that a worker took within the last minute."""
    return Run.objects.filter(claimed_at__gt=Now() - MINUTE, export__connection__type__in=types)


def _limited() -> list[str]:
    """The types that bound how many runs start in a minute."""
    return [slug for slug, type_ in destinations().items() if type_.starts_per_minute is not None]


def _count(runs: QuerySet[Run]) -> dict[int, int]:
    found = runs.order_by().annotate(through=THROUGH).filter(through__isnull=False)
    return dict(found.values_list("through").annotate(Count("pk")))
