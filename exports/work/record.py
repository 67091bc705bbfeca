"""Records a run's progress: steps with times, rows and bytes, at most one write a second."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exports.models import Run
from exports.runs import lifecycle, log
from exports.runs.lifecycle import RunClaim
from exports.work.errors import HeldRunError, LeaseLostError, SkippedRunError
from roles.messages import EMPTY, Message

WRITE_EVERY = 0.8  # seconds


class Recorder:
    """Writes the run's progress to its row. Every write is refused once the lease is lost.

    It begins with what the row has; `begin` starts over.
    """

    def __init__(self, claimed: RunClaim, run: Run) -> None:
        self.claimed, self.run = claimed, run
        self.rows, self.bytes = run.rows_done, run.bytes_done
        self._written = 0.0

    def begin(self) -> None:
        """Forget the progress of an attempt before this one, but for what its target keeps."""
        run = self.run
        self.rows = self.bytes = 0
        run.steps, run.items, run.unit = [], [], run.export.unit.value
        run.rows_done = run.rows_done if run.words.stays else 0  # what an attempt before this one sent
        anew = {"steps": [], "items": [], "bytes_done": 0, "rows_total": None, "data_as_of": None}
        self.write(unit=run.unit, rows_done=run.rows_done, **anew)

    def write(self, **values: Any) -> None:
        """Write `values` to the run's row. Raises LeaseLostError."""
        if not lifecycle.write(self.claimed, **values):
            raise LeaseLostError

    def plan_steps(self, steps: list[tuple[str, Message]]) -> None:
        """State the steps to come, as (key, label)."""
        self.run.steps = [{"key": key, "label": label, "state": "waiting", "note": EMPTY} for key, label in steps]
        self.write(steps=self.run.steps)

    def add_step(self, key: str, label: Message) -> None:
        """State one more step, the last one; it takes the place of an earlier one with its key."""
        others = [step for step in self.run.steps if step["key"] != key]
        self.run.steps = [*others, {"key": key, "label": label, "state": "waiting", "note": EMPTY}]

    @contextmanager
    def step(self, key: str) -> Iterator[dict[str, Any]]:
        """Time one step; what the caller puts into its "note" is shown beside it."""
        step = next(step for step in self.run.steps if step["key"] == key)
        started = time.monotonic()
        step["state"] = "running"
        self.write(steps=self.run.steps)
        log.note_begun(self.run, step)
        try:
            yield step
            step["state"] = "done"
        except SkippedRunError as skipped:
            step["state"], step["note"] = "done", skipped.reason
            self._skip_rest()
            raise
        except HeldRunError as held:
            step["state"], step["note"] = "held", held.reason
            raise
        except Exception:
            step["state"] = "failed"
            raise
        finally:
            step["seconds"] = round(time.monotonic() - started, 2)
        self.write(steps=self.run.steps)
        log.note_step(self.run, step)

    def _skip_rest(self) -> None:
        for step in self.run.steps:
            step["state"] = "skipped" if step["state"] == "waiting" else step["state"]

    def expect(self) -> int | None:
        """Write how many rows Run.items expect, whenever that changes; return how many in all, None where not known."""
        counts = [entry["expected"] for entry in self.run.items if not entry.get("left_out")]
        self.run.rows_total = None if None in counts else sum(counts)
        self.write(items=self.run.items, rows_total=self.run.rows_total)
        return self.run.rows_total

    def progress(self, item: int, rows: int, sent: int, *, rejected: int = 0) -> None:
        """Note that `rows` of the item at index `item` and `sent` bytes in all have gone out, and what was refused."""
        self.run.items[item]["rows"] = rows
        if rejected:
            self.run.items[item]["rejected"] = rejected
        self.rows, self.bytes = sum(entry["rows"] for entry in self.run.items), sent
        if time.monotonic() - self._written > WRITE_EVERY:
            self.flush()

    def give(self, path: str) -> None:
        """Note that `path` is about to get its name; from now on it counts as given. Raises LeaseLostError."""
        given = self.run.given or {}
        self.run.given = given | {"paths": [*(one for one in given.get("paths", []) if one != path), path]}
        self.write(given=self.run.given)

    def flush(self) -> None:
        """Write the progress now."""
        self._written, self.run.rows_done = time.monotonic(), self.rows
        self.write(rows_done=self.rows, bytes_done=self.bytes, items=self.run.items)
