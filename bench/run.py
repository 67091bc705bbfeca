"""`make bench`: how fast an export is beside PostgreSQL's own psql, on this machine, now.

Sets up a database of its own below a temporary directory, starts a worker and a real sshd on loopback, and prints
one JSON object as its last line. Every ratio is the median of five runs, each paired with a psql `\\copy` of the
same query to a file right before it. An export's clock runs from `running` to published, as its run records it.

    make bench                          2,000,000 profiles
    .venv/bin/python bench/run.py --profiles 200000 --runs 3
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main() -> None:
    """Measure and print; what it is doing goes to standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", type=int, default=2_000_000)
    parser.add_argument("--small", type=int, default=100_000, help="profiles of the small run of the memory figure")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--exports", type=int, default=10_000, help="exports in the list, with ten runs each")
    parser.add_argument("--people", type=int, default=1_000, help="users of the lists in Settings")
    parser.add_argument("--connections", type=int, default=500, help="connections of the lists in Settings")
    parser.add_argument("--events", type=int, default=1_000_000, help="events of the audit log")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="waybill-bench-"))
    try:
        print(json.dumps(_measure(options, scratch)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _measure(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    with own_database(scratch):
        from bench.delivery import measure_delivery
        from bench.governance import measure_governance
        from bench.importing import measure_import
        from bench.listing import measure_list

        figures = measure_delivery(scratch, options.profiles, options.small, options.runs, say)
        figures |= measure_import(scratch, options.profiles, options.small, say)
        figures |= measure_list(options.exports, say)
        return figures | measure_governance(options.people, options.connections, options.events, say)


@contextmanager
def own_database(scratch: Path) -> Iterator[None]:
    """Set Django up with a database below `scratch` that lives as long as the block."""
    _set_environment(scratch)
    from django.conf import settings

    from config.embedded_postgres import Server

    with Server(settings.DATA_DIR):
        _manage("migrate", "-v0")
        _manage("collectstatic", "--noinput", "-v0")
        import django

        django.setup()
        yield


def say(text: str) -> None:
    """Tell what is going on, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def median(values: list[float]) -> float:
    """Return the median, rounded for people."""
    return round(statistics.median(values), 3)


def _set_environment(scratch: Path) -> None:
    for name in [name for name in os.environ if name.startswith("WAYBILL_") or name == "DATABASE_URL"]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "WAYBILL_DATA_DIR": str(scratch / "var"),
        "WAYBILL_LOCAL_FOLDER_BASE": str(scratch / "files"),
        "WAYBILL_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
        "WAYBILL_HTTPS": "0",
    }
    (scratch / "files").mkdir()


def _manage(*arguments: str) -> None:
    subprocess.run([sys.executable, ROOT / "manage.py", *arguments], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
