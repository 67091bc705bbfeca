"""What is done to the processes and the line, by name; the order is a deck shuffled by a seed."""

import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil
import psycopg

from tests.faults.chaos import line
from tests.faults.chaos.house import LEASE_SECONDS, House

RUNNING = "SELECT worker FROM exports_run WHERE state = 'running'"
PUBLISHING = "SELECT worker FROM exports_run WHERE state = 'running' AND is_publishing"
POINT_SECONDS = 4.0  # for which a chosen point is waited for


@dataclass
class Harm:
    """Does harm to one house; `done` counts what was done, by kind."""

    house: House
    random: random.Random
    done: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    _frozen: list[tuple[float, psutil.Process]] = field(default_factory=list)
    _waits: tuple[float, str] | None = None

    def deck(self) -> Iterator[str]:
        """The kinds in a random order, all of them before any comes again."""
        while True:
            kinds = list(KINDS)
            self.random.shuffle(kinds)
            yield from kinds

    def do(self, kind: str, connection: psycopg.Connection) -> None:
        """Do it; what waits for a chosen point is done by `watch`."""
        if kind in AT_POINTS:
            self._waits = (time.monotonic() + POINT_SECONDS, kind)
            return
        self._count(kind, KINDS[kind](self, connection))

    def watch(self, connection: psycopg.Connection) -> None:
        """Wake what was frozen for long enough, and strike when a chosen point is reached."""
        for until, process in [*self._frozen]:
            if time.monotonic() >= until:
                self._frozen.remove((until, process))
                _signal(process, signal.SIGCONT)
        if self._waits and (at_point := AT_POINTS[self._waits[1]](self, connection)):
            self._count(self._waits[1], at_point)
            self._waits = None
        elif self._waits and time.monotonic() > self._waits[0]:
            self._count(self._waits[1], False)
            self._waits = None

    def end(self) -> None:
        """Wake all, and let the line be fast."""
        for _until, process in self._frozen:
            _signal(process, signal.SIGCONT)
        self._frozen, self._waits = [], None
        line.slow_down(0)

    def _count(self, kind: str, was_done: bool) -> None:
        (self.done if was_done else self.missed)[kind] += 1

    def freeze(self, processes: list[psutil.Process], seconds: float) -> bool:
        """Stop processes without ending them: a machine that hangs."""
        for process in processes:
            _signal(process, signal.SIGSTOP)
            self._frozen.append((time.monotonic() + seconds, process))
        return bool(processes)

    def watchers(self, connection: psycopg.Connection, query: str = RUNNING) -> list[psutil.Process]:
        """The processes that have claimed the runs that `query` finds."""
        workers = [worker for (worker,) in connection.execute(query)]
        found = []
        for worker in workers:
            with contextlib.suppress(psutil.Error, ValueError):
                found.append(psutil.Process(int(worker.rpartition(":")[2])))
        return found

    def one(self, processes: list[psutil.Process]) -> list[psutil.Process]:
        """One of them, or none."""
        return [self.random.choice(processes)] if processes else []

    def backends(self) -> list[psutil.Process]:
        """PostgreSQL's own processes, the postmaster first."""
        if self.house.server.process is None or self.house.server.process.poll() is not None:
            return []
        postmaster = psutil.Process(self.house.server.process.pid)
        return [postmaster, *postmaster.children()]

    def service(self, start: str) -> list[psutil.Process]:
        """The process tree of one service whose name begins with `start`."""
        return self.random.choice(self.house.named(start)).tree()


def _signal(process: psutil.Process, number: int) -> bool:
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)
        return True
    return False


def _send(processes: list[psutil.Process], number: int) -> bool:
    """Send a signal to all of them; return whether one was there."""
    return sum(_signal(process, number) for process in processes) > 0


def _kill(processes: list[psutil.Process]) -> bool:
    return _send(processes, signal.SIGKILL)


def _children(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            found += process.children()
    return found


def _stop_postgres(harm: Harm) -> bool:
    """Restart PostgreSQL as an operator does; the house starts it again."""
    harm.house.server.stop()
    return True


def _slow(harm: Harm) -> bool:
    line.slow_down(harm.random.uniform(2, 5))
    return True


def _freeze_a_run(harm: Harm, connection: psycopg.Connection) -> bool:
    """Let a worker and its child hang past their lease, and then go on as if nothing had happened."""
    watchers = harm.one(harm.watchers(connection))
    return harm.freeze([*watchers, *_children(watchers)], LEASE_SECONDS + 2.5)


Kind = Callable[[Harm, psycopg.Connection], bool]
AT_POINTS: dict[str, Kind] = {
    "run's process, while it publishes": lambda h, c: _kill(_children(h.watchers(c, PUBLISHING))),
    "worker, while it publishes": lambda h, c: _kill(h.one(h.watchers(c, PUBLISHING))),
    "PostgreSQL, while a run publishes": lambda h, c: bool(h.watchers(c, PUBLISHING)) and _kill(h.backends()[:1]),
    "run's process": lambda h, c: _kill(h.one(_children(h.watchers(c)))),
    "worker with a run": lambda h, c: _kill(h.one(h.watchers(c))),
    "worker hangs past its lease": _freeze_a_run,
}
KINDS: dict[str, Kind] = dict(AT_POINTS) | {
    "cluster's main process": lambda h, c: _kill(h.service("exports")[:1]),
    "any process of a cluster": lambda h, c: _kill(h.one(h.service("exports")[1:])),
    "whole cluster": lambda h, c: _kill(h.service("exports")),
    "cluster told to stop (SIGTERM)": lambda h, c: _send(h.service("exports")[:1], signal.SIGTERM),
    "chores cluster": lambda h, c: _kill(h.one(h.service("chores"))),
    "one dispatcher": lambda h, c: _kill(h.service("dispatcher")),
    "all dispatchers": lambda h, c: _kill([one for name in h.house.named("dispatcher") for one in name.tree()]),
    "web server": lambda h, c: _kill(h.service("web")[:1]),
    "a web worker": lambda h, c: _kill(h.one(h.service("web")[1:])),
    "PostgreSQL": lambda h, c: _kill(h.backends()[:1]),
    "a PostgreSQL backend": lambda h, c: _kill(h.one(h.backends()[1:])),
    "PostgreSQL restarted": lambda h, c: _stop_postgres(h),
    "line cut": lambda h, c: line.cut() > 0,
    "line slow": lambda h, c: _slow(h),
}  # fmt: skip
