"""Nudges the cluster that works on runs. A nudge has no content, so a second one is harmless."""

from django.db import transaction
from django_q.tasks import async_task

CLUSTER = "exports"
WORK = "exports.tasks.work"


def nudge() -> None:
    """Tell the cluster to look for runs, once the current transaction is committed."""
    transaction.on_commit(lambda: async_task(WORK, save=False, cluster=CLUSTER))
