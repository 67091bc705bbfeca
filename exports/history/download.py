"""A history as CSV for a spreadsheet: in batches, whatever its length, and with nothing it would compute."""

from collections.abc import Iterator
from datetime import datetime

from exports.history.listing import in_batches
from exports.models import Run, RunQuerySet
from roles.spreadsheet import BOM, as_lines

COLUMNS = (
    "run", "export_id", "export", "status", "reason", "message", "trigger", "started_by", "due", "late", "queued",
    "started", "ended", "seconds", "data_as_of", "rows_sent", "bytes", "lost_or_failed_attempts", "test_of",
)  # fmt: skip


def as_csv(found: RunQuerySet) -> Iterator[bytes]:
    """Yield the runs, newest first, as CSV (UTF-8 with BOM); times are ISO 8601 in UTC, words those of the page."""
    yield BOM + as_lines([list(COLUMNS)])
    for batch in in_batches(found):
        yield as_lines([_line(run) for run in batch])


def _line(run: Run) -> list[str]:
    return [
        str(run.uuid),
        str(run.export_id),
        run.export.name,
        run.state,
        run.reason,
        run.message,
        run.trigger,
        str(run.triggered_by or ""),
        _time(run.due),
        str(int(run.is_late)),
        _time(run.queued_at),
        _time(run.started_at),
        _time(run.ended_at),
        f"{run.seconds:.3f}" if run.ended_at and run.seconds is not None else "",
        _time(run.data_as_of),
        _number(run.rows_sent),
        str(run.bytes_done),
        str(run.tries + max(0, run.claims - 1)),
        _number(run.most_rows),
    ]


def _time(value: datetime | None) -> str:
    return value.isoformat(timespec="milliseconds") if value else ""


def _number(value: int | None) -> str:
    return "" if value is None else str(value)
