"""Removes what has expired: sessions, the list of sign-ins, counted tries, and counters of the cache."""

import time

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from psycopg import sql

from roles.sign_in import tries

EVERY = 3600.0  # seconds

_OVER = sql.SQL("DELETE FROM {table} WHERE expires < clock_timestamp()").format(
    table=sql.Identifier(str(settings.CACHES["default"]["LOCATION"]))
)
_tidied_at: float | None = None


def tidy_hourly() -> None:
    """Tidy up at most once in EVERY seconds of this process."""
    global _tidied_at  # noqa: PLW0603
    now = time.monotonic()
    if _tidied_at is None or now - _tidied_at >= EVERY:
        tidy()
        _tidied_at = now


def tidy() -> None:
    """Remove what has expired; several processes may do so at once."""
    Session.objects.filter(expire_date__lt=Now()).delete()
    session = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(session)).delete()
    with connection.cursor() as cursor:
        cursor.execute(_OVER)
    tries.tidy()
