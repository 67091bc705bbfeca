"""The Exports page beside Django admin's list of the same table, over the same client."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bench.run import median
from connections.models import Connection
from exports.models import Export, Run, Trigger
from exports.models.states import FINAL
from roles.models import Environment, RoleAssignment, User

RUNS_EACH = 10
LOOKS = 25


def measure_list(exports: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the ratio of the two pages' times (medians) and the queries of the Exports page."""
    user = User.objects.create_superuser("bench", password="bench")
    environment = fill_exports(exports, user)
    say(f"made {exports:,} exports with {exports * RUNS_EACH:,} runs")
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    ours, theirs = f"/e/{environment.slug}/exports/", "/admin/exports/export/"
    seconds: dict[str, list[float]] = {ours: [], theirs: []}
    for _number in range(LOOKS):
        for path, times in seconds.items():
            times.append(_get(client, path))
    say(f"Exports page {median(seconds[ours]) * 1000:.0f} ms, admin's list {median(seconds[theirs]) * 1000:.0f} ms")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        _get(client, ours)
    return {
        "list_vs_admin_ratio": round(median(seconds[ours]) / median(seconds[theirs]), 3),
        "list_queries": len(queries),
    }


def _get(client: Client, path: str) -> float:
    started = time.perf_counter()
    response = client.get(path)
    elapsed = time.perf_counter() - started
    if response.status_code != 200:
        raise SystemExit(f"{path} answered {response.status_code}")
    return elapsed


def fill_exports(count: int, user: User, slug: str = "many") -> Environment:
    """Make an environment with `count` exports, ten runs each, in all states that a run ends in."""
    environment = Environment.objects.create(slug=slug, name=f"{count} exports")
    RoleAssignment.objects.create(environment=environment, user=user, role="administrator")
    connections = Connection.objects.bulk_create(
        Connection(environment=environment, name=f"Connection {number}", type=("local", "sftp")[number % 2])
        for number in range(20)
    )
    exports = Export.objects.bulk_create(
        (
            Export(environment=environment, name=f"Export {number:05}", connection=connections[number % 20])
            for number in range(count)
        ),
        batch_size=2000,
    )
    now = timezone.now()
    runs = Run.objects.bulk_create(
        (
            Run(
                environment=environment,
                export=export,
                trigger=Trigger.PERSON,
                state=FINAL[(export.pk + number) % len(FINAL)],
                started_at=now - timedelta(hours=number, seconds=20),
                ended_at=now - timedelta(hours=number),
                rows_done=export.pk,
                rows_total=export.pk,
            )
            for export in exports
            for number in range(RUNS_EACH)
        ),
        batch_size=5000,
    )
    for export, run in zip(exports, runs[RUNS_EACH - 1 :: RUNS_EACH], strict=True):
        export.last_run, export.delivered_at = run, run.ended_at
    Export.objects.bulk_update(exports, ["last_run", "delivered_at"], batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return environment
