"""`manage.py import_table` of a small and a large file: rows a second, and whether its memory grows.

Alone, on files that are made for it:

    .venv/bin/python bench/importing.py --rows 5000000 --small 100000
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PROGRAM = """
import os, resource, sys
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
CITIES = ("Madrid", "Paris", "Berlin", "Leeds", "Jakarta", '"Köln, Altstadt"')


def measure_import(scratch: Path, rows: int, small: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return rows a second and the peaks (MB, resident) of the importing process, its server not counted."""
    from roles.models import Environment

    environment = Environment.objects.create(slug="bench-import", name="Import")
    seconds, peaks = [], []
    for count in (small, rows):
        source = scratch / "import.csv"
        write_people(source, count)
        started = time.monotonic()
        peaks.append(_import(environment.slug, source))
        seconds.append(time.monotonic() - started)
        say(
            f"imported {count:,} rows ({source.stat().st_size / 1e6:.0f} MB) in {seconds[-1]:.1f} s, {peaks[-1]:.0f} MB"
        )
        source.unlink()
    return {
        "import_rows_per_s": round(rows / seconds[-1]),
        "import_peak_mb_small": round(peaks[0], 1),
        "import_peak_mb_large": round(peaks[1], 1),
    }


def write_people(path: Path, count: int) -> None:
    """Write `count` rows of nine columns, about 108 bytes each; one in six has a quoted field."""
    with path.open("w", encoding="utf-8") as file:
        file.write("CustomerId,FirstName,LastName,EMail,Telephone,City,DateOfBirth,TotalSpent,Newsletter\n")
        for n in range(1, count + 1):
            born = f"{1940 + n % 68}-{n % 12 + 1:02}-{n % 28 + 1:02}"
            file.write(
                f"C{n:08},First{n % 997},Last name {n % 7919},person{n}@mail.example,+34 6{n * 7919 % 100000000:08},"
                f"{CITIES[n % 6]},{born},{n % 100000}.{n % 9 + 1},{'true' if n % 3 == 0 else 'false'}\n"
            )


def _import(slug: str, source: Path) -> float:
    arguments = ["import_table", "--environment", slug, "--name", "People", "--key", "CustomerId", str(source)]
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    """Measure with a database of its own and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--small", type=int, default=100_000)
    options = parser.parse_args()
    from bench.run import own_database, say

    scratch = Path(tempfile.mkdtemp(prefix="waybill-bench-"))
    try:
        with own_database(scratch):
            print(json.dumps(measure_import(scratch, options.rows, options.small, say)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
