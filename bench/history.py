"""The history of runs with many of them: how long each page takes, how many queries, and what a purge costs.

.venv/bin/python bench/history.py --runs 1000000 --exports 10000
"""

import argparse
import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.run import median, own_database, say

LOOKS = 7
# Four in a hundred fail, are skipped, warned of or canceled, the rest go well. Spread over two years and a month.
RUNS = """
    INSERT INTO exports_run (uuid, environment_id, export_id, state, trigger, queued_at, not_before, started_at,
        ended_at, due, is_late, worker, claims, tries, rows_total, rows_done, bytes_done, steps, items,
        files, folder, folders, is_publishing, target, has_leftovers, held_for, decision, is_released, reason_said,
        awaits)
    SELECT gen_random_uuid(), %(environment)s, %(first)s + n %% %(exports)s,
        coalesce((ARRAY['failed', 'skipped', 'warned', 'canceled'])[n %% 101 + 1], 'succeeded'),
        (ARRAY['schedule', 'refresh', 'refresh', 'person'])[n %% 4 + 1], moment, moment, moment,
        moment + n %% 600 * interval '1 second', CASE WHEN n %% 4 = 0 THEN moment END, false, 'bench:1', 1, 0,
        n %% 90000, n %% 90000, n, '[]', '[]', '[{"path": "a/b/c.csv", "rows": 1, "bytes": 2}]', '', '[]',
        false, '{}', false, '[]', '', false, '{"v": 1, "id": "Some words"}', '[]'
    FROM (SELECT n, now() - interval '760 days' * (1 - n / %(runs)s::float8) AS moment
          FROM generate_series(1, %(runs)s) n) numbers
"""
PAGES = {
    "all": "history",
    "status": "history?status=failed",
    "rare_status": "history?status=held",
    "two": "history?status=canceled&trigger=person",
    "never_both": "history?status=failed&trigger=refresh",
    "last_24h": "history?period=24h",
    "last_30d": "history?period=30d",
    "two_years_ago": "history?until=2024-12-31",
    "oldest_first": "history?sort=when",
    "longest": "history?sort=-duration",
    "name": "history?q=Export+00042",
    "many_names": "history?q=Export+0",
    "one": "{export}/history",
}


def measure_history(runs: int, exports: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return the medians of the pages (milliseconds), their queries, the file's and a purge's rate."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    environment, user, first = _fill(runs, exports, say)
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    figures: dict[str, Any] = {}
    for name, page in {**PAGES, "deep": f"history?after={_run_amid()}"}.items():
        path = f"/e/{environment}/exports/{page.format(export=first)}"
        figures[f"{name}_ms"] = round(median([_get(client, path) for _number in range(LOOKS)]) * 1000)
        with CaptureQueriesContext(connection) as queries:
            _get(client, path)
        slowest = max(queries.captured_queries, key=lambda query: float(query["time"]))
        figures[f"{name}_queries"] = len(queries)
        say(f"{page}: {figures[f'{name}_ms']} ms, {len(queries)} queries, the slowest {slowest['time']} s")
    return figures | _download(client, environment, say) | _purge(say)


def _fill(runs: int, exports: int, say: Callable[[str], None]) -> tuple[str, Any, int]:
    from django.db import connection

    from bench.listing import fill_exports
    from exports.models import Export
    from roles.models import User

    user = User.objects.create_superuser("history-bench")
    environment = fill_exports(exports, user)
    first = Export.objects.filter(environment=environment).order_by("pk").values_list("pk", flat=True)[0]
    with connection.cursor() as cursor:
        started = time.perf_counter()
        cursor.execute(RUNS, {"environment": environment.pk, "first": first, "exports": exports, "runs": runs})
        say(f"made {runs:,} runs of {exports:,} exports in {time.perf_counter() - started:.0f} s")
        cursor.execute("VACUUM ANALYZE exports_run")
    return environment.slug, user, first


def _run_amid() -> int:
    """Return the id of a run in the midst of all."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM exports_run")
        return int(cursor.fetchone()[0])


def _get(client: Any, path: str) -> float:
    started = time.perf_counter()
    response = client.get(path)
    if response.status_code != 200:
        raise SystemExit(f"{path} answered {response.status_code}")
    return time.perf_counter() - started


def _download(client: Any, environment: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Return how many runs a second come as a file, and by how much this process grows meanwhile (MB)."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    response = client.get(f"/e/{environment}/exports/history/download")
    lines = sum(block.count(b"\r\n") for block in response.streaming_content)
    seconds = time.perf_counter() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    say(f"a file of {lines - 1:,} runs in {seconds:.0f} s, {grown:.0f} MB more")
    return {"download_runs_per_second": round(lines / seconds), "download_mb": round(grown, 1)}


def _purge(say: Callable[[str], None]) -> dict[str, Any]:
    """Return how many runs a second a purge removes, and how long one that finds nothing takes."""
    from exports.runs import purge

    started = time.perf_counter()
    removed = purge.purge()[0]["exports.Run"]
    seconds, started = time.perf_counter() - started, time.perf_counter()
    purge.purge()
    again = time.perf_counter() - started
    say(f"purged {removed:,} runs in {seconds:.1f} s; nothing in {again:.2f} s")
    return {"purged_runs_per_second": round(removed / seconds), "purge_of_nothing_seconds": round(again, 2)}


def main() -> None:
    """Measure in a database of its own and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--exports", type=int, default=10_000)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="waybill-bench-"))
    try:
        with own_database(scratch):
            print(json.dumps(measure_history(options.runs, options.exports, say)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
