"""What it costs that an open page asks whether anything has changed, while nothing has: milliseconds in the server.

Each page is opened, then asked again and again as its own polls do, at the size of the demo and with many exports.
`_ms` are medians by the clock, `_cpu_ms` the time of the processors, of the portal and its database together: the
same on a busy machine.

    .venv/bin/python bench/polls.py --exports 10000
"""

import argparse
import json
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psutil

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.run import own_database, say

ASKED = 40
DEMO = 15  # exports
PAGES = {
    "exports": "exports/",
    "exports_searched": "exports/?q=Export+0",
    "exports_filtered": "exports/?status=failed",
    "system": "system/",
    "progress": "exports/{waits}/progress",
    "connection_test": "connections/{connection}/test",
    "connection_removal": "connections/{connection}/remove",
    "segments": "segments/",
}
# An element that asks again by itself, whatever the order of its attributes.
POLL = re.compile(r'<(?=[^>]*hx-trigger="[^"]*every )(?=[^>]*hx-get="([^"]*)")[^>]*>')
ROW = re.compile(r'data-key="([\w-]+)" data-version="(\w*)"')


def measure_polls(exports: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return for both sizes the median milliseconds and the queries of each page's polls that find nothing."""
    from django.db import connection
    from django.test import Client

    from roles.models import User

    user = User.objects.create_superuser("polls-bench")
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    figures: dict[str, Any] = {}
    asked: set[str] = set()  # the bell and the light are on every page
    for size, count in {"demo": DEMO, "many": exports}.items():
        ids = _fill(size, count, user)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        for name, page in PAGES.items():
            for poll, cost in _asked(client, f"/e/{size}/{page.format(**ids)}").items():
                own = f"{size}_{name if poll == 'page' else poll}"
                if own not in asked:
                    asked.add(own)
                    figures |= {f"{own}_{figure}": value for figure, value in cost.items()}
                    say(f"{own}: {cost}")
    return figures


def _asked(client: Any, path: str) -> dict[str, dict[str, float]]:
    """Return by kind of poll on the page ("page", "bell", "light") what it costs."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    response = client.get(path)
    if response.status_code != 200:
        raise SystemExit(f"{path} answered {response.status_code}")
    html = response.content.decode()
    found = {}
    for element in POLL.finditer(html):
        address, extra = unescape(element[1]), {}
        if "data-rows" in element[0]:
            extra = {"shown": ",".join(f"{key}:{version}" for key, version in ROW.findall(html))}
        name = next((one for one in ("bell", "light") if urlsplit(address).path.endswith(f"/{one}")), "page")
        own = re.search(r' id="([\w-]+)"', element[0])
        headers = {"HX-Request": "true", "HX-Target": own[1] if own else "", "Waybill-Poll": "1"}
        query = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True)) | extra

        def ask(path: str = urlsplit(address).path, query: Any = query, headers: Any = headers) -> float:
            started = time.perf_counter()
            answer = client.get(path, query, headers=headers)
            elapsed = time.perf_counter() - started
            headers["Waybill-Poll"] = answer.headers.get("Waybill-Signature", headers["Waybill-Poll"])
            if answer.status_code != 204:
                say(f"    {path} answered {answer.status_code}")
            return elapsed

        ask()
        before = _processor_seconds()
        times = [ask() for _number in range(ASKED)]
        spent = (_processor_seconds() - before) / ASKED
        with CaptureQueriesContext(connection) as queries:
            ask()
        found[name] = {
            "ms": round(1000 * statistics.median(times), 1),
            "cpu_ms": round(1000 * spent, 1),
            "queries": len(queries),
        }
    return found


def _processor_seconds() -> float:
    """Return how long this process and its server process of PostgreSQL have used a processor."""
    from django.db import connection

    server = psutil.Process(connection.connection.info.backend_pid).cpu_times()
    return time.process_time() + server.user + server.system


def _fill(slug: str, exports: int, user: Any) -> dict[str, int]:
    """Make an environment with something on each page that asks; return the ids that addresses need."""
    from django.utils import timezone

    from bench.listing import fill_exports
    from connections.models import Connection
    from exports.models import (
        Export,
        PartKind,
        PartState,
        RefreshPart,
        RefreshState,
        RefreshTrigger,
        Run,
        SystemRefresh,
    )
    from exports.models.states import State
    from segments.models import Segment, SegmentStatus, Table

    environment, now = fill_exports(exports, user, slug), timezone.now()
    tables = Table.objects.bulk_create(
        Table(environment=environment, name=f"Table{n}", profile_kind="customer", refreshed_at=now) for n in range(8)
    )
    segments = Segment.objects.bulk_create(
        Segment(
            environment=environment,
            name=f"Segment {n}",
            table=tables[0],
            refreshed_at=now,
            status=SegmentStatus.READY,
        )
        for n in range(max(8, exports // 20))
    )
    # Far from its end, so that nobody takes it for given up while this goes on.
    later = now + timedelta(days=1)
    Segment.objects.filter(pk=segments[0].pk).update(status=SegmentStatus.REFRESHING, refresh_started_at=later)
    for _past in range(3):
        refresh = SystemRefresh.objects.create(
            environment=environment,
            state=RefreshState.SUCCEEDED,
            trigger=RefreshTrigger.SCHEDULE,
            started_at=now,
            ended_at=now,
        )
        nouns = [*((PartKind.TABLE, one) for one in tables), *((PartKind.SEGMENT, one) for one in segments)]
        RefreshPart.objects.bulk_create(
            RefreshPart(
                refresh=refresh, position=place, kind=kind, object_id=one.pk, name=one.name, state=PartState.DONE
            )
            for place, (kind, one) in enumerate(nouns)
        )
    connection = Connection.objects.filter(environment=environment).order_by("pk")[0]
    Connection.objects.filter(pk=connection.pk).update(check_asked_at=now)
    moving, waits = Export.objects.filter(environment=environment).order_by("pk")[:2]
    Run.objects.create(environment=environment, export=moving, trigger="person", state=State.QUEUED)
    run = Run.objects.create(environment=environment, export=waits, trigger="person", state=State.HELD)
    Export.objects.filter(pk=waits.pk).update(last_run=run)
    return {"waits": waits.pk, "connection": connection.pk}


def main() -> None:
    """Measure in a database of its own and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exports", type=int, default=10_000, help="with ten runs each")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="waybill-bench-"))
    try:
        with own_database(scratch):
            print(json.dumps(measure_polls(options.exports, say)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
