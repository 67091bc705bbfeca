"""What pages show of an export, as plain values."""

from dataclasses import dataclass
from datetime import datetime

from connections.destinations.base import Unit
from exports.models import Export, ExportKind
from exports.schedules.words import ScheduleTeller, ScheduleWords
from exports.shown.status import Status, status_of
from roles.access.policy import Access

# What is loaded with an export for its facts: half of a page's time would go into columns that nobody sees.
JOINED = ("connection", "last_run", "schedule")
LOADED = (
    "environment_id", "name", "kind", "schedule_mode", "delivered_at", "detached_sharing",
    "connection__environment_id", "connection__name", "connection__type", "connection__sharing",
    "last_run__state", "last_run__reason", "last_run__rows_done", "last_run__rows_total", "last_run__not_before",
    "last_run__unit", "last_run__cancel_requested_at", "schedule__repeat", "schedule__times", "schedule__weekdays",
    "schedule__month_day", "schedule__cron", "schedule__zone", "schedule__next_due", "schedule__problem",
)  # fmt: skip


@dataclass(frozen=True)
class ExportFacts:
    """An export as one person sees it; `connection` and `type` are None where none is attached."""

    id: int
    name: str
    is_data_out: bool
    connection: str | None
    type: str | None
    status: Status
    unit: Unit | None  # of what was sent last; None for an export that never ran
    sent: int | None  # that went out last, or go out now
    delivered_at: datetime | None
    schedule: ScheduleWords
    can_edit: bool


def facts_of(export: Export, access: Access, schedules: ScheduleTeller) -> ExportFacts:
    """Return the facts of `export`, which has JOINED loaded, as the user of `access` may see them."""
    run, connection = export.last_run, export.connection
    return ExportFacts(
        id=export.pk,
        name=export.name,
        is_data_out=export.kind == ExportKind.DATA_OUT,
        connection=connection.name if connection else None,
        type=connection.type if connection else None,
        status=status_of(run),
        unit=Unit(run.unit or Unit.ROWS) if run else None,
        sent=run.rows_sent if run else None,
        delivered_at=export.delivered_at,
        schedule=schedules.of(export),
        can_edit=export.is_editable_by(access),
    )
