"""Imports, segments, deliveries and restored backups do the same on every PostgreSQL that a DATABASE_URL may name."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.servers.postgres import VERSIONS, running_postgres

# Before 17, pg_restore of version 18 begins with a setting that the server does not know.
RESTORED = [version for version in VERSIONS if version.startswith(("14", "16", "17"))]
ROOT = Path(__file__).resolve().parents[2]
# What is most likely to differ: COPY both ways, types, the replacing of tables, grants, locks, snapshots.
FILES = (
    "tests/segments/importing/test_import_signs.py",
    "tests/segments/importing/test_importing.py",
    "tests/segments/test_related.py",
    "tests/exports/work/files/test_data_out.py",
)
OURS = ("WAYBILL_", "PYTEST_", "DJANGO_", "COV_")

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="there are programs for Linux on x86-64 only"
    ),
]


def manage(url: str, *words: str) -> str:
    """Carry out a command on that database; return what it says, or why it failed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        check=False, cwd=ROOT, env=environment | {"DATABASE_URL": url}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", RESTORED)
def test_a_backup_is_restored_whole_or_not_at_all_on(version, tmp_path):
    whole, half = tmp_path / "whole.dump", tmp_path / "half.dump"
    rows = [("SET transaction_timeout = 0;",), ("COMMIT;",), ("\\.",)]
    with running_postgres(version) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE again")
            connection.execute("CREATE TABLE guests (word text)")
            connection.cursor().executemany("INSERT INTO guests VALUES (%s)", rows)
        assert "back those up too" in manage(url, "backup", str(whole))
        half.write_bytes(whole.read_bytes()[:-5])
        again = f"{url.rpartition('/')[0]}/again"
        assert "pg_restore failed: could not read from input file" in manage(again, "restore", str(half))
        assert "Restored." in manage(again, "restore", str(whole))
        with psycopg.connect(again) as connection:
            assert connection.execute("SELECT word FROM guests").fetchall() == rows


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
