"""The figures of a chaos: lateness, restarts, and what the runs became, as one table."""

from collections import Counter
from collections.abc import Sequence

import psycopg

LATENESS = """
SELECT extract(epoch FROM r.queued_at - o.due)::float8,
       extract(epoch FROM (SELECT min(at) FROM chaos_step s WHERE s.run = r.id AND after = 'running') - o.due)::float8
FROM chaos_occurrence o JOIN exports_run r ON r.export_id = o.export AND r.due = o.due
WHERE o.is_calm = %s AND r.state <> 'skipped'
"""
# From the last sign of life of a run that was put back to its next start.
RESTARTS = """
SELECT extract(epoch FROM (
    SELECT min(at) FROM chaos_step n WHERE n.run = s.run AND n.id > s.id AND n.after = 'running') - s.seen)::float8
FROM chaos_step s WHERE s.before = 'running' AND s.after IN ('queued', 'retrying')
"""
COUNTS = """
SELECT (SELECT count(*) FROM chaos_occurrence),
       (SELECT count(*) FROM exports_run WHERE due IS NOT NULL AND state = 'skipped'),
       (SELECT count(*) FROM chaos_step WHERE after = 'running')
"""
STATES = "SELECT state, count(*) FROM exports_run GROUP BY 1 ORDER BY 2 DESC"


def figures(connection: psycopg.Connection, done: Counter[str], missed: Counter[str]) -> str:
    """Return the table that `make chaos` prints."""
    planted, skipped, started = connection.execute(COUNTS).fetchone()
    states = ", ".join(f"{count} {state}" for state, count in connection.execute(STATES))
    rows = [
        *((f"  {kind}", str(count) + _not_reached(missed[kind])) for kind, count in sorted(done.items())),
        ("kills and cuts in all", str(done.total())),
        ("starts of runs", str(started)),
        ("runs", states),
        ("occurrences", f"{planted}, of which skipped while an earlier run was active: {skipped}"),
        *_lateness(connection, "undisturbed", is_calm=True),
        *_lateness(connection, "under harm", is_calm=False),
        ("from last sign of life to the next start", _spread([value for (value,) in connection.execute(RESTARTS)])),
    ]
    width = max(len(name) for name, _value in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _not_reached(count: int) -> str:
    return f" (and {count} times not reached)" if count else ""


def _lateness(connection: psycopg.Connection, when: str, *, is_calm: bool) -> list[tuple[str, str]]:
    found = list(connection.execute(LATENESS, [is_calm]))
    return [
        (f"due to queued, {when}", _spread([queued for queued, _started in found])),
        (f"due to started, {when}", _spread([started for _queued, started in found])),
    ]


def _spread(values: Sequence[float | None]) -> str:
    """p50, p99 and the greatest of some seconds."""
    known = sorted(value for value in values if value is not None)
    if not known:
        return "none"
    at = [known[min(len(known) - 1, int(len(known) * share))] for share in (0.5, 0.99)]
    return f"p50 {at[0]:.2f} s, p99 {at[1]:.2f} s, max {known[-1]:.2f} s (n = {len(known)})"
