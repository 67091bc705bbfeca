"""Polls of open pages: one that finds nothing costs little, since a signature is compared before anything is made.

An answer that finds nothing carries the signature of all that it was made from, and the page sends that back when it
asks again (static/requests.js). As long as both are the same, nothing that is shown can have changed. A signature may
change without need: then the page is made and compared as ever. It may never stay when something shown changes.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from hashlib import blake2s
from typing import Any

from django.db import connection
from django.db.models import Model
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from psycopg import sql

from roles.ui.words import Clock

HEADER = "Waybill-Poll"  # of the question: the signature of the answer before, "1" where that had none
SIGNATURE = "Waybill-Signature"  # of the answer


def answer_poll(request: Any, read_all: Callable[[], object], make: Callable[[], HttpResponse]) -> HttpResponse:
    """Answer a poll below /e/ with 204 while what `read_all` returns, all that the answer depends on, is as it was.

    Else, and where it is no poll that asks, the answer is what `make` returns. It reads later: a change in between
    is told at the next question.
    """
    if HEADER not in request.headers:
        return make()
    signature = _signature(request, read_all())
    if request.headers.get(HEADER) == signature:
        return HttpResponse(status=204)
    response = make()
    if response.status_code == 204:  # what is sent may not get on the page, as where a menu is open: it is sent again
        response.headers[SIGNATURE] = signature
    return response


def versions(model: type[Model], condition: sql.Composable) -> sql.Composed:
    """Return SQL of a number that changes with each row `t` of `model` that comes, goes or changes under `condition`.

    A row's place and the transaction that wrote it are new with each change, whatever column it is in and whoever
    writes it: no column has to be named here, and no counter to be locked by all who write.
    """
    return sql.SQL(
        "(SELECT coalesce(sum(hashtid(t.ctid)::bigint * t.xmin::text::bigint), 0) FROM {} AS t WHERE {})"
    ).format(sql.Identifier(model._meta.db_table), condition)


def read(parts: Iterable[sql.Composable], values: Mapping[str, Any]) -> list[Any]:
    """Return the values of SQL expressions, read in one query."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(parts)), values)
        return list(cursor.fetchone())


def ages(moments: Iterable[datetime | None]) -> list[str]:
    """Return what pages say of how long ago each was: it changes by the time that passes."""
    clock = Clock()
    return [clock.relative(moment) if moment else "" for moment in moments]


def _signature(request: Any, shown: object) -> str:
    access, environment = request.access, request.environment
    who = (access.user.pk, access.role, access.is_support)
    where = (environment.pk, environment.name, environment.paused_at, environment.pause_note)
    # The address names what the page shows by now: a row that has to be sent again has another version there.
    said = (request.get_full_path(), who, where, get_language(), timezone.get_current_timezone_name(), shown)
    return blake2s(repr(said).encode(errors="surrogatepass"), digest_size=12).hexdigest()
