"""Keeps requests within a target's rates, of all runs on all machines that share a scope.

For each window there is one row that says when the next request may go (GCRA): whoever asks moves it on and waits for
the turn that it got. A target that asks to be left alone moves it for everybody.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from connections.destinations.base.audiences import Rate

SPARE = 1.03  # the target's clock and the way there are not ours
# One statement, so that two that ask at once get two turns.
TAKE = """INSERT INTO exports_ratebudget AS b (scope, next_at)
VALUES (%(scope)s, clock_timestamp() + %(wait)s::interval)
ON CONFLICT (scope) DO UPDATE SET next_at = greatest(b.next_at, clock_timestamp()) + %(wait)s::interval
RETURNING extract(epoch FROM next_at - %(wait)s::interval - clock_timestamp())"""
SLOW = """INSERT INTO exports_ratebudget AS b (scope, next_at)
VALUES (%(scope)s, clock_timestamp() + %(wait)s::interval)
ON CONFLICT (scope) DO UPDATE SET next_at = greatest(b.next_at, clock_timestamp() + %(wait)s::interval)
RETURNING 0"""


@dataclass(frozen=True)
class Window:
    """One rate and whose it is."""

    scope: str
    rate: Rate

    @property
    def each(self) -> float:
        """Seconds from one request to the next."""
        return self.rate.seconds / self.rate.requests * SPARE

    @property
    def name(self) -> str:
        """What its row is called."""
        return f"{self.scope} {self.rate.requests}/{self.rate.seconds:g}"


class Budget:
    """Gives turns to the sending threads of one run, over one connection of its own to the database."""

    def __init__(self, windows: Sequence[Window], connect: Callable[[], psycopg.Connection]) -> None:
        self._windows, self._connect = windows, connect
        self._lock = threading.Lock()
        self._connection: psycopg.Connection | None = None

    def wait(self, is_stopping: threading.Event) -> bool:
        """Wait for a turn in every window; False if the run stops before."""
        if not self._windows:
            return not is_stopping.is_set()
        due = time.monotonic() + max(self._take(window) for window in self._windows)
        return not is_stopping.wait(max(0.0, due - time.monotonic()))

    def slow_down(self, seconds: float) -> None:
        """Leave the target alone for `seconds`, all runs on all machines."""
        for window in self._windows[:1]:
            self._ask(SLOW, window, seconds)

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _take(self, window: Window) -> float:
        return max(0.0, self._ask(TAKE, window, window.each))

    def _ask(self, query: str, window: Window, seconds: float) -> float:
        with self._lock:
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            values = {"scope": window.name, "wait": f"{seconds:.6f} seconds"}
            row = self._connection.execute(query, values).fetchone()
        return float(row[0]) if row else 0.0
