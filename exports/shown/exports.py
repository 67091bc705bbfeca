"""What pages show of an export, as plain values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, QuerySet, Value, When

from connections.destinations.base import Unit
from exports.models import Export, ExportKind, Schedule, ScheduleMode, may_edit
from exports.models.run import percent_of, sent_of
from exports.models.states import State
from exports.schedules.words import ScheduleWording, ScheduleWords
from exports.shown.status import NEVER_RUN, Status
from roles.access.policy import Access
from roles.models import Environment

RECURRENCE = ("repeat", "times", "weekdays", "month_day", "cron", "zone", "next_due", "problem")
# Read as plain values: a page of the list would take a fifth longer with objects.
COLUMNS = (
    "pk", "name", "kind", "schedule_mode", "delivered_at", "connection_id", "connection__name", "connection__type",
    "last_run_id", "last_run__state", "last_run__reason", "last_run__rows_done", "last_run__rows_total",
    "last_run__unit", "last_run__not_before", "last_run__cancel_requested_at",
    *(f"schedule__{name}" for name in RECURRENCE),
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


def rows_of(exports: QuerySet[Export], access: Access) -> QuerySet[Export, Any]:
    """Return `exports` with the columns that their facts are made of, as the user of `access` may see them."""
    rule = may_edit(access)
    can_edit = Case(When(rule, then=Value(value=True)), default=Value(value=False)) if rule else Value(value=True)
    return exports.annotate(can_edit=can_edit).values_list(*COLUMNS, "can_edit", named=True)


def export_facts(rows: Iterable[Any], environment: Environment) -> list[ExportFacts]:
    """Return the facts of exports of `environment`, read as `rows_of` asks for them."""
    schedules, is_paused = ScheduleWording(environment), environment.paused_at is not None
    return [
        ExportFacts(
            id=row.pk,
            name=row.name,
            is_data_out=row.kind == ExportKind.DATA_OUT,
            connection=row.connection__name,
            type=row.connection__type,
            status=_status(row, is_paused=is_paused),
            unit=Unit(row.last_run__unit or Unit.ROWS) if row.last_run_id else None,
            sent=sent_of(row.last_run__state, row.last_run__rows_done) if row.last_run_id else None,
            delivered_at=row.delivered_at,
            schedule=schedules.of(row.schedule_mode, _schedule(row), is_attached=row.connection_id is not None),
            can_edit=row.can_edit,
        )
        for row in rows
    ]


def _status(row: Any, *, is_paused: bool) -> Status:
    state = row.last_run__state
    if row.last_run_id is None:
        return NEVER_RUN
    if state != State.RUNNING:
        next_try = row.last_run__not_before if state == State.RETRYING else None
        return Status(state, row.last_run__reason, next_try=next_try, is_paused=is_paused)
    percent = percent_of(row.last_run__rows_done, row.last_run__rows_total)
    return Status(state, row.last_run__reason, percent, is_canceling=row.last_run__cancel_requested_at is not None)


def _schedule(row: Any) -> Schedule | None:
    """Return the export's own recurrence where that is what it follows."""
    if row.schedule_mode != ScheduleMode.OWN or row.schedule__repeat is None:
        return None
    return Schedule(**{name: getattr(row, f"schedule__{name}") for name in RECURRENCE})
