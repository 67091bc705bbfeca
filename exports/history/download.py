"""A history as CSV for a spreadsheet: read in batches, and free of formulas."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from exports.history.listing import in_batches
from exports.models import RunQuerySet
from exports.models.states import DELIVERED, STATES
from roles.models import User
from roles.net.spreadsheet import BOM, as_lines

COLUMNS = (
    "run", "export_id", "export", "status", "status_label", "reason", "message", "trigger", "started_by", "due", "late",
    "queued", "started", "ended", "seconds", "data_as_of", "rows_sent", "bytes", "lost_or_failed_attempts", "test_of",
)  # fmt: skip
# Read as plain values: a million objects would take several times as long.
FIELDS = (
    "pk", "uuid", "export_id", "export__name", "state", "reason", "message", "trigger", "triggered_by_id", "due",
    "is_late", "queued_at", "started_at", "ended_at", "data_as_of", "rows_done", "bytes_done", "tries", "claims",
    "most_rows",
)  # fmt: skip


def as_csv(found: RunQuerySet) -> Iterator[bytes]:
    """Yield the runs, newest first, as CSV (UTF-8 with BOM); times are ISO 8601 in UTC, words those of the page."""
    yield BOM + as_lines([list(COLUMNS)])
    names: dict[int | None, str] = {None: ""}
    for batch in in_batches(found, FIELDS):
        new = {run.triggered_by_id for run in batch} - names.keys()
        names |= {pk: str(user) for pk, user in User.objects.in_bulk(new).items()} if new else {}
        yield as_lines([_line(run, names) for run in batch])


def _line(run: Any, names: dict[int | None, str]) -> list[str]:
    return [
        str(run.uuid),
        str(run.export_id),
        run.export__name,
        run.state,
        str(STATES[run.state].look.label),
        str(run.reason),
        str(run.message),
        run.trigger,
        names.get(run.triggered_by_id, ""),
        _time(run.due),
        str(int(run.is_late)),
        _time(run.queued_at),
        _time(run.started_at),
        _time(run.ended_at),
        f"{(run.ended_at - run.started_at).total_seconds():.3f}" if run.ended_at and run.started_at else "",
        _time(run.data_as_of),
        str(run.rows_done) if run.state in DELIVERED else "",
        str(run.bytes_done),
        str(run.tries + max(0, run.claims - 1)),
        "" if run.most_rows is None else str(run.most_rows),
    ]


def _time(value: datetime | None) -> str:
    return value.isoformat(timespec="milliseconds") if value else ""
