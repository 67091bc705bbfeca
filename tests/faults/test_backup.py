"""A backup is tried: database and keys are all that another machine needs to go on."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.embedded_postgres import _processes_in
from tests.faults.chaos import line, load
from tests.faults.chaos.clicker import Clicker
from tests.faults.chaos.house import REPOSITORY, House
from tests.faults.chaos.target import look
from tests.until import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
SECONDS = 180
KEYS = ("WAYBILL_SECRET_KEY", "WAYBILL_SECRETS_KEYS")
RUNS = "SELECT state, count(*) FROM exports_run GROUP BY 1"


@contextmanager
def standing() -> Iterator[House]:
    """A house with its PostgreSQL, and nothing in it."""
    house = House(Path(tempfile.mkdtemp(prefix="waybill-backup-")), machines=1)
    try:
        house.server.own()
        house.server.start()
        yield house
    finally:
        house.close()


def tool(house: House, name: str, *words: str) -> None:
    """Carry out one of PostgreSQL's programs on the house's database."""
    command = [str(house.server.account.programs / name), *words]
    subprocess.run(command, check=True, timeout=SECONDS)


def run_an_export(house: House) -> None:
    """Sign in, run one export, and wait for its delivery."""
    house.open()
    with house.database() as connection:
        (export,) = connection.execute("SELECT id FROM exports_export ORDER BY id OFFSET 1 LIMIT 1").fetchone()
        before = dict(connection.execute(RUNS).fetchall()).get("succeeded", 0)
        person = Clicker(house.port, [export], seed=1)
        until(lambda: house.watch() or person.try_to(person.run_exports, export), SECONDS, person.last_error)

        def states() -> dict[str, int]:
            house.watch()
            return dict(connection.execute(RUNS).fetchall())

        until(lambda: states().get("succeeded", 0) == before + 1, SECONDS, "the delivery")


def manage(data_dir: Path, *words: str, **variables: str) -> str:
    """Carry out a command with the PostgreSQL that comes with Waybill."""
    own = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    own |= {"WAYBILL_DATA_DIR": str(data_dir), **variables}
    command = [sys.executable, "manage.py", *words]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=own, input="plantedWord7391\n", capture_output=True, text=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_database_that_comes_with_waybill_is_restored_in_a_new_data_directory(tmp_path):
    old, new, dump = tmp_path / "old", tmp_path / "new", tmp_path / "waybill.dump"
    (tmp_path / "guests.csv").write_text("Id,Word\n1,visibleWord7391\n")
    try:
        manage(old, "migrate", "--verbosity=0")
        who = ("--administrator", "grace", "--password-stdin")
        manage(old, "create_environment", "c", "--name", "C", "--audience", "consumers", *who)
        manage(old, "import_table", str(tmp_path / "guests.csv"), "--environment", "c", "--name", "Guests")
        assert "back those up too" in manage(old, "backup", str(dump))
        shutil.copytree(old / "keys", new / "keys")
        manage(new, "restore", str(dump))
        manage(new, "migrate", "--check")
        asked = "from django.db import connection as c; u = c.cursor(); u.execute('SELECT * FROM data_c.\"Guests\"');"
        asked += "from roles.models import User; print(u.fetchall(), User.objects.get().check_password(input()))"
        assert "[(1, 'visibleWord7391')] True" in manage(new, "shell", "-c", asked)
    finally:
        until(lambda: not any(_processes_in(place / "postgres" / "data") for place in (old, new)), SECONDS)


def test_a_restored_backup_knows_its_people_reads_its_secrets_and_delivers(tmp_path):
    dump = tmp_path / "waybill.dump"
    with standing() as lost, line.running_line(lost.target / "sftp") as server:
        where = {"LINE_PORT": str(server.port), "LINE_KEY": server.host_key, "ROWS": "100", "EXPORTS": "2"}
        lost.prepare(load.SEED, **where)
        run_an_export(lost)
        tool(lost, "pg_dump", "--format=custom", f"--file={dump}", lost.environment["DATABASE_URL"])
        with standing() as again:
            again.environment |= {name: lost.environment[name] for name in KEYS}
            url = again.environment["DATABASE_URL"]
            tool(
                again,
                "pg_restore",
                "--exit-on-error",
                "--no-owner",
                "--single-transaction",
                f"--dbname={url}",
                str(dump),
            )
            again.prepare("")
            run_an_export(again)
        assert len(look(lost.target).runs) == 2, "both delivered to the same server"
