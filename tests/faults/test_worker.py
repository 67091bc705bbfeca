"""Workers, dispatcher and PostgreSQL are killed in the middle of a run: an honest state, nothing half visible at the
target, and the run or the next one is delivered whole.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import asyncssh
import psutil
import psycopg
import pytest

from config.embedded_postgres import Server, database_settings
from tests.servers.faulty_sftp import running_faulty
from tests.until import PATIENCE, until

pytestmark = pytest.mark.long

REPOSITORY = Path(__file__).resolve().parents[2]
ROWS = 20_000
LEASE_SECONDS = 15  # long enough for a busy machine to renew it in time
ENDS = {"succeeded", "failed", "retrying"}
SEED = """
import os
from pathlib import Path
from connections.models import Connection
from exports.models import Export, ExportSegment
from roles.models import Environment
from segments.importing.loading import import_table
from segments.models import Segment, Table
from segments.warehouse.members import refresh
place = Environment.objects.create(slug="faults", name="Faults", audience="consumers")
file = Path(os.environ["WAYBILL_DATA_DIR"]) / "people.csv"
file.write_text("Id,Name\\n" + "".join(f"C{n:06},{'x' * 60}{n}\\n" for n in range(int(os.environ["ROWS"]))))
import_table(place, "People", file, keys=["Id"], profile_kind="customer")
segment = Segment.objects.create(environment=place, table=Table.objects.get(), name="Everybody")
refresh(segment)
settings = {"host": "127.0.0.1", "port": int(os.environ["SLOW_PORT"]), "username": "anybody", "folder": ""}
slow = Connection(environment=place, name="Slow", type="sftp", settings=settings | {"host_key": os.environ["SLOW_KEY"]})
slow.set_secrets({"password": "anything"})
slow.save()
export = Export.objects.create(environment=place, name="Everybody", connection=slow, refreshes_segments=False)
ExportSegment.objects.create(export=export, segment=segment)
"""


class Slow(asyncssh.SFTPServer):
    """Takes its time for each write while a test wants to do harm in the middle."""

    is_slow = True
    one_at_a_time = asyncio.Lock()

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if Slow.is_slow:
            async with self.one_at_a_time:
                await asyncio.sleep(0.3)
        return super().write(file_obj, offset, data)


class House:
    """A database with one export to a slow server, and the processes that carry it out."""

    def __init__(self, scratch: Path) -> None:
        self.data_dir, self.target = scratch / "var", scratch / "target"
        self.target.mkdir()
        self.server = Server(self.data_dir, throw_away=False)
        self.environment = os.environ | {
            "WAYBILL_DATA_DIR": str(self.data_dir),
            "WAYBILL_LEASE_SECONDS": str(LEASE_SECONDS),
            "ROWS": str(ROWS),
        }
        self.children: dict[str, subprocess.Popen] = {}

    def manage(self, *words: str) -> None:
        """Carry out a command to its end."""
        command = [sys.executable, "manage.py", *words]
        subprocess.run(
            command, cwd=REPOSITORY, env=self.environment, check=True, timeout=240, stdout=subprocess.DEVNULL
        )

    def start(self, name: str = "worker") -> subprocess.Popen:
        """Start the worker or the dispatcher, as `up` does."""
        words = {"worker": ["worker", "--cluster", "exports"], "dispatcher": ["dispatcher"]}[name]
        with (self.data_dir / f"{name}.log").open("a") as log:
            self.children[name] = subprocess.Popen(
                [sys.executable, "manage.py", *words],
                cwd=REPOSITORY, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        return self.children[name]

    def keep_worker(self) -> bool:
        """Start the worker again if it replaced itself, as `up` does; True, to be used in a condition."""
        if self.children["worker"].poll() is not None:
            self.start()
        return True

    def begin_a_run(self) -> None:
        """Queue the export, and wait until its first bytes are at the target."""
        Slow.is_slow = True
        self.manage("run_export", "Everybody", "--environment", "faults")
        until(lambda: self.parts() and self.run()["state"] == "running", what="the middle of a run")
        assert self.visible() == []

    def run(self) -> dict:
        """The newest run, as the database has it; empty while there is none or the database is away."""
        place = database_settings(self.data_dir)
        names = "state, claims, rows_done, worker, message_said #>> '{}' AS message, has_leftovers"
        try:
            with psycopg.connect(
                host=place["HOST"], port=place["PORT"], dbname=place["NAME"], user=place["USER"]
            ) as conn:
                row = conn.execute(f"SELECT {names} FROM exports_run ORDER BY id DESC LIMIT 1").fetchone()
        except psycopg.OperationalError:
            row = None
        return dict(zip((name.split()[-1] for name in names.split(", ")), row, strict=True)) if row else {"state": ""}

    def database(self) -> psycopg.Connection:
        """A connection past all of the portal's code."""
        place = database_settings(self.data_dir)
        return psycopg.connect(host=place["HOST"], port=place["PORT"], dbname=place["NAME"], user=place["USER"])

    def forget_runs(self) -> None:
        """Start over: no run, no file at the target."""
        with self.database() as connection:
            connection.execute("UPDATE exports_export SET last_run_id = NULL")
            connection.execute("DELETE FROM exports_runline; DELETE FROM exports_run")
        for path in self.target.iterdir():
            shutil.rmtree(path)

    def worker_process(self) -> psutil.Process:
        """The process that claimed the run and watches over the child that carries it out."""
        return psutil.Process(int(self.run()["worker"].rpartition(":")[2]))

    def parts(self) -> list[Path]:
        """Files with bytes in them at the target, hidden ones included."""
        return [path for path in self.target.rglob("*") if path.is_file() and path.stat().st_size]

    def visible(self) -> list[str]:
        """Files at the target as people see them."""
        return sorted(path.name for path in self.target.rglob("*") if path.is_file() and not path.name.startswith("."))

    def ends_well(self) -> dict:
        """Wait for the delivery, which is whole and leaves nothing hidden behind; return the run."""
        Slow.is_slow = False
        until(lambda: self.keep_worker() and self.run()["state"] in ENDS, 120, "an end")
        assert self.run()["state"] == "succeeded", self.run()
        assert self.visible() == ["Everybody_1.csv", "manifest.json"]
        assert len(self.parts()) == 2
        (file,) = self.target.rglob("*.csv")
        assert sorted(file.read_text().splitlines()[1:]) == [f"C{n:06},{'x' * 60}{n}" for n in range(ROWS)]
        return self.run()

    def processes(self) -> list[psutil.Process]:
        """Every process of ours but those of PostgreSQL."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            is_ours = process.environ().get("WAYBILL_DATA_DIR") == str(self.data_dir)
            return is_ours and "manage.py" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


@pytest.fixture(scope="module")
def made():
    scratch = Path(tempfile.mkdtemp(prefix="waybill faults "))
    house = House(scratch)
    try:
        with house.server, running_faulty(house.target, Slow) as slow:
            house.environment |= {"SLOW_PORT": str(slow.port), "SLOW_KEY": slow.host_key}
            house.manage("migrate", "--verbosity=0")
            house.manage("shell", "--verbosity=0", "-c", SEED)
            yield house
    finally:
        shutil.rmtree(scratch)


@pytest.fixture
def house(made):
    """The house with a worker and a dispatcher at work; afterwards both end when asked and leave nothing."""
    made.forget_runs()
    for name in ("worker", "dispatcher"):
        made.start(name)
    yield made
    Slow.is_slow = False
    for child in made.children.values():
        child.terminate()
    assert [child.wait(PATIENCE) for child in made.children.values()] == [0, 0]
    until(lambda: not made.processes(), what="no process left")


def test_a_stopped_worker_gives_its_run_back_at_once_and_unharmed(house):
    house.begin_a_run()
    worker = house.children["worker"]
    worker.send_signal(signal.SIGTERM)
    until(lambda: house.run()["state"] == "queued", what="the run is given back")
    assert worker.wait(PATIENCE) == 0
    assert house.run()["claims"] == 0
    assert house.visible() == []
    assert house.ends_well()["claims"] == 1


def test_a_run_whose_own_process_is_killed_starts_again_by_itself(house):
    house.begin_a_run()
    (child,) = house.worker_process().children()
    child.kill()
    killed_at = time.monotonic()
    until(lambda: house.run()["state"] == "queued" or house.run()["claims"] == 2, what="the run is given back")
    assert time.monotonic() - killed_at < LEASE_SECONDS, "the watcher sees it before the lease ends"
    assert "restarts automatically" in house.run()["message"]
    assert house.visible() == []
    assert house.ends_well()["claims"] == 2


def test_a_run_whose_watcher_is_killed_is_taken_over_when_its_lease_ends(house):
    house.begin_a_run()
    watcher = house.worker_process()
    (child,) = watcher.children()
    watcher.kill()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child goes with it")
    until(lambda: house.run()["state"] == "queued" or house.run()["claims"] == 2)
    assert house.visible() == []
    assert house.ends_well()["claims"] == 2


def test_the_whole_cluster_is_killed(house):
    house.begin_a_run()
    tree = psutil.Process(house.children["worker"].pid).children(recursive=True)
    house.children["worker"].kill()
    house.children["worker"].wait()
    assert psutil.wait_procs(tree, timeout=PATIENCE)[1] == [], "nothing works on without its main process"
    until(lambda: house.run()["state"] == "queued", what="the dispatcher puts it back")
    assert house.visible() == []
    assert house.ends_well()["claims"] == 2


def test_a_queue_that_froze_because_an_idle_worker_was_killed_is_healed(house):
    def idle_workers() -> list[psutil.Process]:
        """Those that the guard forked; the guard is the main process's child with children of its own."""
        guards = [child for child in psutil.Process(house.children["worker"].pid).children() if child.children()]
        return guards[0].children() if guards else []

    until(lambda: len(idle_workers()) >= 4, what="the cluster is up")
    for process in idle_workers():
        process.kill()
    Slow.is_slow = False
    house.manage("run_export", "Everybody", "--environment", "faults")
    house.ends_well()


def test_a_cluster_whose_guard_is_killed_is_replaced(house):
    worker = house.children["worker"]
    until(lambda: psutil.Process(worker.pid).children(), what="the guard is there")
    for guard in psutil.Process(worker.pid).children():
        guard.kill()
    assert worker.wait(PATIENCE) == 1
    Slow.is_slow = False
    house.manage("run_export", "Everybody", "--environment", "faults")
    house.ends_well()


def test_postgres_is_killed_in_the_middle(house):
    house.begin_a_run()
    postmaster = psutil.Process(int((house.data_dir / "postgres/data/postmaster.pid").read_text().split()[0]))
    postmaster.kill()
    until(lambda: not house.server.is_alive())
    assert house.visible() == []
    house.server.start()
    Slow.is_slow = False
    until(lambda: house.keep_worker() and house.run()["state"] not in {"", "running"}, what="an honest state")
    if house.run()["state"] != "succeeded":  # what was read is not the database's any more: tried again later
        assert house.run()["state"] in {"queued", "retrying"}
        assert house.run()["message"]
        assert house.visible() == []
        with house.database() as connection:
            connection.execute("UPDATE exports_run SET not_before = now()")
        until(lambda: house.keep_worker() and house.run()["state"] not in {"queued", "retrying"}, what="the next try")
    house.ends_well()


def test_a_run_that_kills_its_process_each_time_is_given_up_and_the_next_one_works(house):
    house.begin_a_run()
    for _claim in range(3):
        until(lambda: house.run()["state"] == "running" and house.worker_process().children())
        house.worker_process().children()[0].kill()
        until(lambda: house.run()["state"] != "running")
    assert house.run()["state"] == "failed"
    assert "and was stopped" in house.run()["message"]
    assert house.visible() == []
    Slow.is_slow = False
    house.manage("run_export", "Everybody", "--environment", "faults")
    assert house.ends_well()["claims"] == 1
