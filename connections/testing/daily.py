"""Checks each connection once a day, one after the other, so that many never run at once."""

from datetime import timedelta

from django.db.models.functions import Coalesce, Now

from connections.destinations.registry import destinations
from connections.models import Connection, ConnectionQuerySet
from connections.testing.testing import CLUSTER, request_test
from roles import heartbeats

EVERY = timedelta(hours=24)


def due() -> ConnectionQuerySet:
    """Return the connections last checked a day ago or more, the oldest first; new ones wait a day too."""
    known = Connection.objects.filter(type__in=destinations(), check_asked_at=None)
    since = Coalesce("checked_at", "updated_at")
    return known.annotate(since=since).filter(since__lt=Now() - EVERY).order_by("since", "pk")


def request_next() -> bool:
    """Ask for the next daily check while none is under way; return whether one was asked for.

    Without a worker nothing is asked for: it would fail, and say nothing about the connection.
    """
    if CLUSTER in heartbeats.missing_lately() or _is_one_under_way():
        return False
    connection = due().first()
    return connection is not None and request_test(connection, by=None)


def _is_one_under_way() -> bool:
    return Connection.objects.filter(check_asked_at__isnull=False, check_asked_by=None).exists()
