"""Queues refreshes in the chores cluster; its queue is in the same database as the segments."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

CLUSTER = "chores"
REFRESH = "segments.tasks.refresh_segment"


def enqueue(segment_id: int, user_id: int | None) -> None:
    """Queue a refresh within the current transaction."""
    async_task(REFRESH, segment_id, user_id, cluster=CLUSTER, save=False)


def is_waiting(segment_id: int) -> bool:
    """Whether a refresh of the segment is queued and not yet taken by a worker."""
    return segment_id in _segments(OrmQ.objects.filter(key=CLUSTER, lock__lte=timezone.now()))


def expected() -> set[int]:
    """Return the ids of segments whose refresh will begin: it waits, or a worker took it not too long ago.

    What a worker that was killed had taken stays in the queue; it counts no longer once the worker would have had to
    be done with what it did before.
    """
    clusters: Any = settings.Q_CLUSTER["ALT_CLUSTERS"]
    cluster = clusters[CLUSTER]
    given_up = timezone.now() + timedelta(seconds=cluster["retry"] - cluster["timeout"])
    queued = OrmQ.objects.filter(key=CLUSTER)
    return {*_segments(queued.filter(lock__lte=timezone.now())), *_segments(queued.filter(lock__gt=given_up))}


def _segments(queued: Iterable[OrmQ]) -> Iterator[int]:
    for one in queued:
        task: Any = one.task
        if task.get("func") == REFRESH:
            yield task["args"][0]
