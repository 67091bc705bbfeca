"""One storm from calm to proof: load, harm, drain, and what is true afterwards."""

import random
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.faults.chaos import figures, line, load, proof
from tests.faults.chaos.clicker import Clicker
from tests.faults.chaos.harm import Harm
from tests.faults.chaos.house import LEASE_SECONDS, House
from tests.faults.chaos.target import look

TICK = 0.1  # seconds
START_SECONDS, DRAIN_SECONDS, CLEAR_SECONDS = 120, 240, 20
ACTIVE = "SELECT count(*) FROM exports_run WHERE ended_at IS NULL"
LEFT = "SELECT count(*) FROM exports_run WHERE has_leftovers"
SENDING = "SELECT count(*) FROM exports_run WHERE state = 'running' AND has_leftovers AND NOT is_publishing"
LAST_OF = """
SELECT state, (SELECT count(*) - 1 FROM chaos_step WHERE run = r.id AND after = 'running')
FROM exports_run r WHERE export_id = %s ORDER BY id DESC LIMIT 1
"""
FRESH = "SELECT count(DISTINCT (kind, host)) FROM roles_heartbeat WHERE seen_at > now() - interval '10 seconds'"


@dataclass
class Storm:
    """How long, how many, and from which seed; `say` tells what happens."""

    seed: int
    seconds: float
    calm: float = 5.0
    exports: int = 12
    rows: int = 2_000
    every: float = 1.5  # seconds from one harm to the next, on average
    cancels: float = 0.25  # of the clicks
    say: Callable[[str], None] = print
    began: float = field(default_factory=time.monotonic)
    table: str = ""

    def __enter__(self) -> "Storm":
        self.random = random.Random(self.seed)
        with ExitStack() as stack:
            self._build(stack)
            self._wait("every process shows life", lambda: self._count(FRESH) >= 3 * self.house.machines, START_SECONDS)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def rage(self) -> None:
        """Load, harm and drain; `table` tells of it afterwards."""
        self.clicker.start()
        self._weather(self.calm, is_calm=True)
        self._weather(self.seconds, is_calm=False)
        self._drain()
        self.table = figures.figures(self.connection, self.harm.done, self.harm.missed)

    def contradictions(self) -> list[str]:
        """Return what is not as it is promised, once the processes of ended runs have cleared up."""
        deadline = time.monotonic() + CLEAR_SECONDS
        while look(self.house.target).hidden and time.monotonic() < deadline:
            self._tick(lambda: None)
        return proof.contradictions(self.connection, self.house.target)

    def restart_under_a_run(self) -> tuple[str, int]:
        """Restart PostgreSQL while a run sends; return the run's end, and how often it was interrupted or tried again.

        Its export has no occurrence within hours, so that there is time for another try.
        """
        line.slow_down(START_SECONDS)
        export = self.ids[1]
        self._wait("a click", lambda: self.clicker.try_to(self.clicker.run_exports, export), START_SECONDS)
        self._wait("the middle of the run", lambda: self._count(SENDING) == 1, START_SECONDS)
        self.house.server.stop()
        line.slow_down(0)
        self._wait("the run has ended", lambda: self._count(ACTIVE) == 0, DRAIN_SECONDS)
        return self.connection.execute(LAST_OF, [export]).fetchone()

    def _build(self, stack: ExitStack) -> None:
        self.house = House(Path(tempfile.mkdtemp(prefix="waybill-chaos-")))
        stack.callback(self.house.close)
        self.house.server.own()
        self.house.watch()
        server = stack.enter_context(line.running_line(self.house.target / "sftp"))
        self.house.prepare(
            load.SEED, LINE_PORT=str(server.port), LINE_KEY=server.host_key, ROWS=str(self.rows),
            EXPORTS=str(self.exports),
        )  # fmt: skip
        self.connection = self.house.database()
        stack.callback(self._disconnect)
        self.connection.execute(load.WATCH.replace("%s", str(LEASE_SECONDS)))
        self.ids = [key for (key,) in self.connection.execute("SELECT id FROM exports_export ORDER BY id")]
        self.harm, self.clicker = (
            Harm(self.house, self.random),
            Clicker(self.house.port, self.ids, self.seed, self.cancels),
        )
        self.house.open()
        self._note("the house stands")

    def _weather(self, seconds: float, *, is_calm: bool) -> None:
        """Load for some seconds, with harm unless it is calm."""
        self._note("calm" if is_calm else "harm begins")
        end, deck, strike = time.monotonic() + seconds, self.harm.deck(), 0.0
        while time.monotonic() < end:
            stays_calm = is_calm and end - time.monotonic() > load.PERIOD[1]
            self._tick(lambda stays_calm=stays_calm: self._load(stays_calm))
            if not is_calm and time.monotonic() > strike:
                kind = next(deck)
                self._note(kind)
                self._safely(lambda kind=kind: self.harm.do(kind, self.connection))
                strike = time.monotonic() + self.every * self.random.uniform(0.5, 1.5)

    def _load(self, is_calm: bool) -> None:
        """Plant what falls due next; calm is what falls due before any harm."""
        load.plant(self.connection, is_calm=is_calm)
        load.hurry(self.connection)

    def _drain(self) -> None:
        """Stop load and harm and wait for every run's end; then each export runs once more and clears up."""
        self._note("draining")
        self.harm.end()
        self.clicker.stopped.set()
        self.clicker.join(60)
        self._wait("every occurrence is taken", lambda: load.is_planted_out(self.connection), DRAIN_SECONDS)
        self._wait("every run has ended", lambda: self._count(ACTIVE) == 0, DRAIN_SECONDS)
        while self._count(LEFT):
            self._run_those_with_leftovers()
        self._note(f"drained; clicks {self.clicker.answered}, not answered {self.clicker.unanswered}")

    def _run_those_with_leftovers(self) -> None:
        """The next run of an export removes what dead ones left."""
        dirty = "SELECT DISTINCT export_id FROM exports_run WHERE has_leftovers"
        for (export,) in self.connection.execute(dirty).fetchall():
            self._wait("a click", lambda e=export: self.clicker.try_to(self.clicker.run_exports, e), START_SECONDS)
        self._wait("the last runs have ended", lambda: self._count(ACTIVE) == 0, DRAIN_SECONDS)

    def _wait(self, what: str, is_so: Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._safely(is_so):
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds:g} s: {what}\n{self._stuck()}")
            self._tick(lambda: load.hurry(self.connection))

    def _tick(self, do: Callable[[], object]) -> None:
        """Keep the house, and do something with its database."""
        self.house.watch()
        self._safely(do)
        self._safely(lambda: self.harm.watch(self.connection))
        time.sleep(TICK)

    def _safely(self, do: Callable[[], object]) -> object:
        """Do it; None while the database is away."""
        try:
            return do()
        except psycopg.OperationalError:
            self.house.watch()
            self._connect_again()
            return None

    def _disconnect(self) -> None:
        self.connection.close()

    def _connect_again(self) -> None:
        try:
            self.connection.close()
            self.connection = self.house.database()
        except psycopg.OperationalError:
            time.sleep(TICK)

    def _count(self, query: str) -> int:
        return self.connection.execute(query).fetchone()[0]

    def _stuck(self) -> str:
        """What there is to know of runs that do not end and schedules that do not move."""
        query = "SELECT id, export_id, state, awaits, claims, tries, not_before, worker, reason_said FROM exports_run"
        runs = self.connection.execute(f"{query} WHERE ended_at IS NULL").fetchall()
        schedules = """SELECT export_id, next_due, problem_said FROM exports_schedule
            WHERE next_due < now() OR problem_said <> '""'"""
        logs = [
            f"{log.name}: {log.read_text(errors='replace')[-1500:]}" for log in sorted(self.house.scratch.glob("*.log"))
        ]
        return "\n".join([*map(str, runs), *map(str, self.connection.execute(schedules).fetchall()), *logs])

    def _note(self, text: str) -> None:
        self.say(f"{time.monotonic() - self.began:7.1f} s  {text}")
