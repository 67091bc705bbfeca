"""Nudges the chores cluster for waiting parts. A nudge has no content, so a second one is harmless."""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django_q.models import OrmQ
from django_q.tasks import async_task

from exports.models import PartState, RefreshPart
from exports.refresh import parts

CLUSTER = "chores"
WORK = "exports.tasks.refresh_parts"
MOST_AT_ONCE = 2  # parts of one refresh, so that the cluster's other work has its turn


def room(refresh_id: int) -> int:
    """Return how many more tables and segments of the refresh may be worked on now."""
    running = RefreshPart.objects.filter(refresh=refresh_id, state=PartState.RUNNING, kind__in=parts.NOUNS)
    return max(0, MOST_AT_ONCE - running.count())


def hand_out(refresh_id: int) -> None:
    """Nudge as many workers as there are parts to do now, minus those that were nudged already."""
    free = room(refresh_id)
    count = len(parts.ready(refresh_id, *parts.NOUNS, most=free)) if free else 0
    nudge(count - _on_their_way() if count else 0)


def nudge(count: int = 1) -> None:
    """Tell the cluster to look for parts, once the current transaction is committed."""
    for _number in range(count):
        transaction.on_commit(_ask)


def _ask() -> None:
    async_task(WORK, save=False, cluster=CLUSTER, timeout=settings.RUN_DEADLINE_SECONDS)


def _on_their_way() -> int:
    """Count the nudges that no worker has taken."""
    waiting = OrmQ.objects.filter(key=CLUSTER, lock__lte=Now())
    return sum(_is_nudge(one.task) for one in waiting)


def _is_nudge(task: Any) -> bool:
    return bool(task.get("func") == WORK)
