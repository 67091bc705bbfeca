"""What is proved after the harm, from the database and the target alone; each proof returns what contradicts it."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import psycopg

from exports.models.states import CLAIMABLE, DELIVERED, FINAL, State, may_follow
from tests.faults.chaos.target import Found, look

OCCURRENCES = """
SELECT o.export, o.due, count(r.id) FROM chaos_occurrence o
LEFT JOIN exports_run r ON r.export_id = o.export AND r.due = o.due GROUP BY 1, 2 HAVING count(r.id) <> 1
"""
UNPLANTED = """
SELECT r.id, r.due FROM exports_run r LEFT JOIN chaos_occurrence o ON o.export = r.export_id AND o.due = r.due
WHERE o.due IS NULL AND (r.due IS NOT NULL OR r.trigger = 'schedule')
"""
STEPS = "SELECT export, run, before, after, at FROM chaos_step ORDER BY id"
# The newest run that is no skipped occurrence is what the export shows.
LAST_RUNS = """
SELECT e.id, e.last_run_id, e.last_state FROM exports_export e JOIN exports_run r ON r.id = e.last_run_id
WHERE e.last_state <> r.state OR EXISTS (
    SELECT 1 FROM exports_run newer WHERE newer.export_id = e.id AND newer.id > r.id AND newer.state <> 'skipped')
"""
# The third: whether it says that it ended after it had begun to publish.
RUNS = """
SELECT uuid::text, state, is_publishing AND message_said <> '""', ended_at IS NULL, token IS NOT NULL FROM exports_run
"""
UNAUDITED = """
SELECT r.id, r.state, count(a.id) FROM exports_run r
LEFT JOIN roles_auditevent a ON a.run = r.uuid AND a.action = 'end run'
WHERE r.state <> 'canceled' GROUP BY 1, 2 HAVING count(a.id) > 1 OR (count(a.id) = 0 AND r.state <> 'skipped')
"""


def contradictions(connection: psycopg.Connection, target: Path) -> list[str]:
    """Return everything that was promised and is not so."""
    found = look(target)
    return [
        *_occurrences(connection),
        *_ends(connection),
        *_steps(connection),
        *_last_runs(connection),
        *_target(connection, found),
    ]


def _occurrences(connection: psycopg.Connection) -> Iterator[str]:
    for export, due, count in connection.execute(OCCURRENCES):
        yield f"the occurrence {due} of export {export} has {count} runs"
    for run, due in connection.execute(UNPLANTED):
        yield f"run {run} is of an occurrence ({due}) that never was"


def _ends(connection: psycopg.Connection) -> Iterator[str]:
    for uuid, state, _is_visible, no_end, is_owned in connection.execute(RUNS):
        if state not in FINAL or no_end or is_owned:
            yield f"run {uuid} is stuck: {state}"
    for run, state, count in connection.execute(UNAUDITED):
        yield f"the end ({state}) of run {run} stands {count} times in the audit log"


def _steps(connection: psycopg.Connection) -> Iterator[str]:
    """No step that the table of states does not know, and no two runs of an export at once."""
    active: dict[int, set[int]] = defaultdict(set)
    for export, run, before, after, at in connection.execute(STEPS):
        if before is None and after not in (State.QUEUED, State.SKIPPED):
            yield f"run {run} began as {after}"
        if before is not None and not may_follow(before, after):
            yield f"run {run} went from {before} to {after}"
        if after == State.RUNNING and before not in CLAIMABLE:
            yield f"run {run} was claimed while {before}"
        if after in FINAL:
            active[export].discard(run)
        else:
            active[export].add(run)
        if len(active[export]) > 1:
            yield f"runs {active[export]} of export {export} overlap at {at}"


def _last_runs(connection: psycopg.Connection) -> Iterator[str]:
    for export, run, state in connection.execute(LAST_RUNS):
        yield f"export {export} shows run {run} ({state}), which is not its last"


def _target(connection: psycopg.Connection, found: Found) -> Iterator[str]:
    """A run is successful if and only if its manifest lies at the target, whole; nothing else lies there."""
    yield from found.wrong
    runs = {uuid: (state, is_visible) for uuid, state, is_visible, *_rest in connection.execute(RUNS)}
    delivered = {uuid for uuid, (state, _is_visible) in runs.items() if state in DELIVERED}
    yield from (f"run {uuid} says that it delivered, and did not" for uuid in delivered - set(found.runs))
    yield from (f"run {uuid} delivered and says {runs[uuid][0]}" for uuid in set(found.runs) - delivered)
    visible = sum(is_visible for state, is_visible in runs.values() if state not in DELIVERED)
    if len(found.orphans) > visible:
        yield f"files without a manifest: {[str(path) for path in found.orphans]}"
    yield from (f"left over: {path}" for path in found.hidden)
