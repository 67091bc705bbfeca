"""Exports of a segment to a local folder and to a real sshd, each paired with psql."""

import gzip
import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from django.db import connection

from bench.run import ROOT, median
from config.postgres_account import packaged_programs
from connections.models import Connection, Sharing
from exports.models import Export, ExportSegment
from roles.models import Environment
from segments.importing.loading import import_table
from segments.models import Segment
from segments.warehouse import queries
from segments.warehouse.members import refresh
from segments.warehouse.reader import snapshot
from tests.servers.sshd import running_sshd

PEOPLE = """SELECT 'C' || lpad(n::text, 8, '0') AS "CustomerId", 'First' || n % 997 AS "FirstName",
    'Last name ' || n % 7919 AS "LastName", 'person' || n || '@mail.example' AS "EMail",
    '+34 6' || lpad((n::bigint * 7919 % 100000000)::text, 8, '0') AS "Telephone",
    (ARRAY['Madrid', 'Paris', 'Berlin', 'Leeds', 'Jakarta', 'Köln, Altstadt'])[n % 6 + 1] AS "City",
    date '1940-01-01' + (n % 25000)::int AS "DateOfBirth", round((n % 100000) / 7.0, 2) AS "TotalSpent",
    n % 3 = 0 AS "Newsletter" FROM generate_series(1, {count}) n"""
COLUMNS = [
    "CustomerId",
    "FirstName",
    "LastName",
    "EMail",
    "Telephone",
    "City",
    "DateOfBirth",
    "TotalSpent",
    "Newsletter",
]


def measure_delivery(scratch: Path, profiles: int, small: int, runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return psql's rows a second, the two ratios, the comparison of bytes and the worker's peaks."""
    environment = Environment.objects.create(slug="bench", name="Bench")
    everybody, some = _segments(environment, scratch, profiles, small, say)
    query = _query(everybody)
    with running_sshd(scratch / "sshd") as server, _worker() as worker:
        local = _export(environment, "Local", everybody, "local", {"folder": "out"}, "none")
        packed = _export(
            environment, "Packed", everybody, "sftp", server.settings(), "gzip", {"private_key": server.private_key()}
        )
        little = _export(environment, "Little", some, "local", {"folder": "small"}, "none")
        peaks = [_peak(worker, little), _peak(worker, local)]
        say(f"peaks of the working process: {peaks[0]:.0f} and {peaks[1]:.0f} MB")
        target = scratch / "psql.csv"
        seconds: list[float] = []
        ratios = {export.name: _paired(export, query, target, runs, seconds, say) for export in (local, packed)}
        sent = [_last_file(scratch / "files" / "out"), _last_file(server.files)]
        equal = {_sha256(target)} == {_sha256(path) for path in sent}
    return {
        "profiles": profiles,
        "psql_rows_per_s": round(profiles / median(seconds)),
        "local_csv_ratio": median(ratios["Local"]),
        "sftp_gzip_ratio": median(ratios["Packed"]),
        "sha256_equal": equal,
        "worker_peak_mb_100k": round(peaks[0], 1),
        "worker_peak_mb_2m": round(peaks[1], 1),
    }


def _segments(
    environment: Environment, scratch: Path, profiles: int, small: int, say: Callable[[str], None]
) -> tuple[Segment, Segment]:
    """Import the people and make a segment of all and one of the first few."""
    source = scratch / "people.csv"
    _psql(f"\\copy ({PEOPLE.format(count=profiles)}) to '{source}' (format csv, header)")
    say(f"made {profiles:,} profiles of {len(COLUMNS)} fields, {source.stat().st_size / 1e6:.0f} MB")
    started = time.monotonic()
    table = import_table(environment, "Customers", source, keys=["CustomerId"], profile_kind="customer")
    say(f"imported them in {time.monotonic() - started:.1f} s")
    source.unlink()
    made = {"environment": environment, "table": environment.tables.get(name="Customers")}
    everybody = Segment.objects.create(name="Everybody", **made)
    # Spread evenly from 0 to 100,000 / 7: so large a part of the range holds so many profiles.
    few = {"field": "TotalSpent", "operator": "less", "value": f"{small / profiles * 100_000 / 7:.2f}"}
    some = Segment.objects.create(name="Some", conditions=[few], **made)
    for segment in (everybody, some):
        started = time.monotonic()
        refresh(segment)
        say(f"refreshed {segment} ({segment.member_count:,}) in {time.monotonic() - started:.1f} s; table {table}")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # what autovacuum would do in the middle of a pair otherwise
        cursor.execute("CHECKPOINT") if _is_superuser(cursor) else None
    return everybody, some


def _is_superuser(cursor: Any) -> bool:
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    return bool(cursor.fetchone()[0])


def _export(
    environment: Environment,
    name: str,
    segment: Segment,
    type_: str,
    settings: dict[str, Any],
    compression: str,
    secrets: dict[str, str] | None = None,
) -> Export:
    """Make an export that sends the members of the last refresh, as within a system refresh."""
    where = Connection(environment=environment, name=name, type=type_, settings=settings, sharing=Sharing.ALL)
    where.set_secrets(secrets or {})
    where.save()
    export = Export.objects.create(
        environment=environment,
        name=name,
        connection=where,
        settings={"compression": compression},
        refreshes_segments=False,
    )
    ExportSegment.objects.create(export=export, segment=segment)
    return export


def _query(segment: Segment) -> str:
    """The query that the export runs, as text for psql."""
    columns = [(name, name) for name in COLUMNS]
    with snapshot(segment.environment, [segment]) as reader:
        return queries.segment_query(segment, columns).as_string(reader)


def _paired(
    export: Export, query: str, target: Path, runs: int, seconds: list[float], say: Callable[[str], None]
) -> list[float]:
    """Return psql's time divided by the export's, for each of `runs` pairs."""
    ratios = []
    for _number in range(runs):
        psql = _psql(f"\\copy ({query}) to '{target}' (format csv, header)")
        result = _run(export)
        seconds.append(psql)
        ratios.append(psql / result["seconds"])
        say(f"{export.name}: psql {psql:.2f} s, export {result['seconds']:.2f} s, ratio {ratios[-1]:.2f}")
    return ratios


def _run(export: Export) -> dict[str, Any]:
    command = [sys.executable, ROOT / "manage.py", "run_export", export.name, "--environment", "bench", "--wait"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(f"The run failed: {done.stdout} {done.stderr}")
    return dict(json.loads(done.stdout))


def _psql(command: str) -> float:
    """Run one command in psql; return its seconds, without psql's start."""
    where = connection.settings_dict
    arguments = [
        packaged_programs() / "psql",
        "-X",
        "-q",
        "-h",
        where["HOST"],
        "-U",
        where["USER"],
        "-d",
        where["NAME"],
    ]
    settings = "SET jit = off; SET synchronize_seqscans = off; SET work_mem = '128MB';"
    lines = f"{settings}\n\\timing on\n{' '.join(command.split())}\n"
    done = subprocess.run(arguments, input=lines, capture_output=True, text=True, check=True)
    timing = [line for line in done.stdout.splitlines() if line.startswith("Time:")]
    if not timing or done.stderr:
        raise SystemExit(f"psql failed: {done.stderr}")
    return float(timing[-1].split()[1]) / 1000


def _peak(worker: psutil.Process, export: Export) -> float:
    """Return the most memory (MB, resident) that the working process of one run held."""
    peaks: dict[int, float] = {}
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.005):
            for process in worker.children(recursive=True):
                try:
                    peaks[process.pid] = max(peaks.get(process.pid, 0), process.memory_info().rss / 1e6)
                except psutil.Error:
                    continue

    before = {process.pid for process in worker.children(recursive=True)}
    thread = threading.Thread(target=look)
    thread.start()
    _run(export)
    done.set()
    thread.join()
    return max(peak for pid, peak in peaks.items() if pid not in before)


@contextmanager
def _worker() -> Iterator[psutil.Process]:
    """A real worker, as `manage.py up` starts it, once it takes runs."""
    command = [sys.executable, str(ROOT / "manage.py"), "worker", "--cluster", "exports"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + 30
        while len(psutil.Process(process.pid).children(recursive=True)) < 4 and time.monotonic() < deadline:
            time.sleep(0.1)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def _last_file(folder: Path) -> Path:
    """The newest data file below `folder`."""
    return max(folder.rglob("*_1.csv*"), key=lambda path: path.stat().st_mtime)


def _sha256(path: Path) -> str:
    """SHA-256 of the file's content, unpacked where it is gzipped."""
    digest = hashlib.sha256()
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
