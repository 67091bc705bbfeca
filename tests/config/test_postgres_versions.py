"""Imports, refreshes of segments and deliveries do the same on every PostgreSQL that a DATABASE_URL may name."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.servers.postgres import VERSIONS, running_postgres

ROOT = Path(__file__).resolve().parents[2]
# What is most likely to differ: COPY both ways, types, the replacing of tables, grants, locks, snapshots.
FILES = (
    "tests/segments/test_import_signs.py",
    "tests/segments/test_importing.py",
    "tests/segments/test_related.py",
    "tests/exports/test_data_out.py",
)
OURS = ("WAYBILL_", "PYTEST_", "DJANGO_", "COV_")

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="there are programs for Linux on x86-64 only"
    ),
]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_holds_on(version):
    with running_postgres(version) as url:
        with psycopg.connect(url) as connection:
            assert str(connection.info.server_version).startswith(version.partition(".")[0])
        environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long", *FILES],
            check=False,
            cwd=ROOT,
            env=environment | {"DATABASE_URL": url},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    assert done.returncode == 0, done.stdout[-20_000:]
    assert " passed" in done.stdout
