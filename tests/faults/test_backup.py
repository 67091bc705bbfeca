"""A backup is tried: database and keys are all that another machine needs to go on."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.chaos import line, load
from tests.faults.chaos.clicker import Clicker
from tests.faults.chaos.house import House
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
