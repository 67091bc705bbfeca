"""How late exports start that are due by their own schedules: due → queued → running, on this machine, now.

Sets up a database of its own below a temporary directory, starts dispatchers and a cluster of workers, plans N
schedules one second apart, and prints one JSON object (milliseconds) as its last line.

    .venv/bin/python bench/lateness.py --schedules 60 --dispatchers 2
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FIRST_AFTER = 15  # seconds that the processes have to start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=60)
    parser.add_argument("--dispatchers", type=int, default=1)
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="waybill-lateness-"))
    try:
        print(json.dumps(measure(scratch, options.schedules, options.dispatchers)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def measure(scratch: Path, schedules: int, dispatchers: int) -> dict[str, object]:
    """Return how many occurrences there were, and percentiles of their lateness."""
    os.environ |= {
        "WAYBILL_DATA_DIR": str(scratch / "var"),
        "WAYBILL_LOCAL_FOLDER_BASE": str(scratch / "files"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    (scratch / "files").mkdir()
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from config.embedded_postgres import Server

    with Server(settings.DATA_DIR, throw_away=True):
        call_command("migrate", verbosity=0)
        with processes(dispatchers):
            plan(schedules)
            return lateness(schedules)


@contextmanager
def processes(dispatchers: int) -> Iterator[None]:
    """Run dispatchers and workers as an installation does."""
    commands = [["dispatcher"]] * dispatchers + [["worker", "--cluster", "exports"]]
    running = [
        subprocess.Popen(
            [sys.executable, "manage.py", *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for words in commands
    ]
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


def plan(count: int) -> None:
    """Make exports that are due one second after the other."""
    from exports.models import Schedule, ScheduleMode
    from exports.schedules.planning import database_now
    from tests.factories import make_environment, make_export, make_segment, make_table

    environment = make_environment("lateness")
    segment = make_segment(make_table(environment))
    exports = [
        make_export(environment, segments=[segment], schedule_mode=ScheduleMode.OWN, refreshes_segments=False)
        for _number in range(count)
    ]
    start = database_now() + timedelta(seconds=FIRST_AFTER)
    for number, export in enumerate(exports):
        due = start + timedelta(seconds=number)
        Schedule.objects.create(export=export, next_due=due, repeat="daily", times=["00:00"])


def lateness(count: int) -> dict[str, object]:
    """Wait until all have run and tell how late they were queued and taken by a worker, in milliseconds."""
    from exports.models import Run
    from exports.models.states import FINAL

    deadline = time.monotonic() + FIRST_AFTER + 3 * count + 60
    while Run.objects.filter(state__in=FINAL).count() < count and time.monotonic() < deadline:
        time.sleep(1)
    runs = list(Run.objects.exclude(due=None))
    states: dict[str, int] = {}
    for run in runs:
        states[run.state] = states.get(run.state, 0) + 1
    return {
        "occurrences": len(runs),
        "states": states,
        "queued": percentiles([run.queued_at - run.due for run in runs if run.due]),
        "running": percentiles([run.started_at - run.due for run in runs if run.due and run.started_at]),
        "load": round(os.getloadavg()[0], 1),
    }


def percentiles(waits: list[timedelta]) -> dict[str, float]:
    """Return the median, the 99th percentile and the greatest, in milliseconds."""
    if len(waits) < 2:
        return {}
    found = sorted(1000 * wait.total_seconds() for wait in waits)
    p99 = statistics.quantiles(found, n=100, method="inclusive")[98]
    return {"p50": round(statistics.median(found), 1), "p99": round(p99, 1), "max": round(found[-1], 1)}


if __name__ == "__main__":
    main()
