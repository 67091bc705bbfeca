"""How often one person may ask for what is expensive: every change, and reading where it costs much.

The counters lie in the cache's table, raised by one upsert each: django-ratelimit and Django's own `cache.incr` read
and write in two steps there, so that requests at the same time would count once.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from psycopg import sql

from roles.frame.framed import framed

READING = ("GET", "HEAD")


@dataclass(frozen=True)
class Limit:
    """At most `most` changes by one person in `seconds`; `reading` counts reads too."""

    most: int
    reading: bool = False
    seconds: int = 60


# Several times what a person at work does. An address that is not named has the limit OTHERS on its changes.
OTHERS = Limit(1200)
LIMITS: dict[str, Limit] = {}  # by the name of the address; each app adds its own


def register(limits: Mapping[str, Limit]) -> None:
    """Limit addresses: register({"exports:run": Limit(120)})."""
    LIMITS.update(limits)


_COUNT = sql.SQL(
    """
    INSERT INTO {table} AS kept (cache_key, value, expires)
    VALUES (%(key)s, '1', clock_timestamp() + make_interval(secs => %(seconds)s))
    ON CONFLICT (cache_key) DO UPDATE SET
        value = CASE WHEN kept.expires <= clock_timestamp() THEN '1' ELSE (kept.value::bigint + 1)::text END,
        expires = CASE WHEN kept.expires <= clock_timestamp() THEN excluded.expires ELSE kept.expires END
    RETURNING value::bigint, extract(epoch FROM expires - clock_timestamp())::float8
    """
).format(table=sql.Identifier(str(settings.CACHES["default"]["LOCATION"])))

_TAKE_BACK = sql.SQL(
    "UPDATE {table} SET value = greatest(value::bigint - 1, 0)::text WHERE cache_key = %(key)s AND expires > now()"
).format(table=sql.Identifier(str(settings.CACHES["default"]["LOCATION"])))


class LimitMiddleware:
    """Answer 429 to people who ask too often. Must come after the sign-in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Count the request; None lets it through."""
        name = request.resolver_match.view_name
        limit = LIMITS.get(name, OTHERS)
        is_counted = request.method == "POST" or (limit.reading and request.method in READING)
        if not is_counted or not request.user.is_authenticated:
            return None
        number, seconds = count_request(f"{request.user.pk}:{name if name in LIMITS else ''}", limit)
        return None if number <= limit.most else too_many(request, max(1, math.ceil(seconds)))


def count_request(key: str, limit: Limit) -> tuple[int, float]:
    """Count one request; return its number in the current window and the seconds until the next window."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"key": f"waybill:limit:{key}", "seconds": limit.seconds})
        return cursor.fetchone()


def take_back(key: str) -> None:
    """Uncount one request that turned out not to be limited."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_BACK, {"key": f"waybill:limit:{key}"})


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    """Say how long to wait: a page, or with htmx a notice where the person is."""
    text = ngettext(
        "Too many requests. Wait %(n)d second, then try again.",
        "Too many requests. Wait %(n)d seconds, then try again.",
        seconds,
    ) % {"n": seconds}
    return refused(request, text, title=_("Too many requests"), headers={"Retry-After": str(seconds)})


def refused(request: Any, text: str, *, title: str, headers: dict[str, str] | None = None) -> HttpResponse:
    """Answer 429: a page that says `text`, or with htmx a notice where the person is."""
    headers = headers or {}
    if getattr(request, "htmx", None):
        headers["HX-Trigger"] = json.dumps({"notice": {"tone": "warning", "text": text}})
        return HttpResponse(status=429, headers=headers)
    return framed(request, "429.html", {"title": title, "text": text}, status=429, headers=headers)
