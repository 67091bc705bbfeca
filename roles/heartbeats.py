"""Signs of life of the background processes, and which kinds of them give none.

All times are the database's. A sign that cannot be written is no reason to stop working.
"""

import logging
import os
import socket
import time
from datetime import timedelta

from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models.functions import Now

from roles.models import Heartbeat

logger = logging.getLogger(__name__)

KINDS = ("exports", "chores", "dispatcher")
BEAT_EVERY = 5.0  # seconds
SILENT_AFTER = timedelta(seconds=20)
FORGOTTEN_AFTER = timedelta(days=1)
KEPT_SECONDS = 5.0

_beaten_at: dict[tuple[str, int], float] = {}
_kept: tuple[float, list[str]] = (0.0, [])  # until when (monotonic seconds), what


def beat(kind: str) -> None:
    """Write a sign of life for this process, at most once in BEAT_EVERY seconds. Never raises a database error."""
    process, now = (kind, os.getpid()), time.monotonic()
    before = _beaten_at.get(process)
    if before is not None and now - before < BEAT_EVERY:
        return
    try:
        _write(kind, is_first=before is None)
    except (DatabaseError, InterfaceError) as error:
        logger.debug("No sign of life could be written: %s", error)
        connections.close_all()
    else:
        _beaten_at[process] = now


def missing() -> list[str]:
    """Return the kinds of which no process has given a sign of life lately. One query."""
    alive = set(Heartbeat.objects.filter(seen_at__gt=Now() - SILENT_AFTER).values_list("kind", flat=True).distinct())
    return [kind for kind in KINDS if kind not in alive]


def missing_lately() -> list[str]:
    """Return `missing`, at most KEPT_SECONDS old: this process caches it, since every page asks."""
    global _kept  # noqa: PLW0603
    if time.monotonic() >= _kept[0]:
        _kept = (time.monotonic() + KEPT_SECONDS, missing())
    return _kept[1]


def _write(kind: str, *, is_first: bool) -> None:
    """Write the sign; a process's first one replaces the row of an older process with the same number."""
    mine = Heartbeat(kind=kind, host=socket.gethostname(), pid=os.getpid(), started_at=Now(), seen_at=Now())
    changed = ["started_at", "seen_at"] if is_first else ["seen_at"]
    with transaction.atomic():
        Heartbeat.objects.bulk_create(
            [mine], update_conflicts=True, unique_fields=["kind", "host", "pid"], update_fields=changed
        )
        Heartbeat.objects.filter(seen_at__lt=Now() - FORGOTTEN_AFTER).delete()
