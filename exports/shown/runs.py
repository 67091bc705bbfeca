"""What pages show of a run, as plain values, and the words for them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import ngettext

from connections.destinations.base import Unit
from exports.models import Export, Run, Trigger
from exports.models.states import State
from exports.models.units import UNITS, Records
from exports.shown.status import Status, status_of
from roles.messages import Message
from roles.ui.words import duration, exact_time, number


@dataclass(frozen=True)
class Attempts:
    """How often a run was tried, and how many of the earlier attempts failed or lost their worker."""

    count: int
    failed: int
    interrupted: int

    def __str__(self) -> str:
        parts = []
        if self.failed:
            parts.append(ngettext("%(n)s failed", "%(n)s failed", self.failed) % {"n": number(self.failed)})
        if self.interrupted:
            lost = ngettext("%(n)s interrupted", "%(n)s interrupted", self.interrupted)
            parts.append(lost % {"n": number(self.interrupted)})
        return f"{number(self.count)} ({', '.join(parts)})" if parts else number(self.count)


@dataclass(frozen=True)
class RunFacts:
    """A run as everybody sees it who may see its export. Words are made when asked for."""

    id: UUID
    export_id: int
    export: str
    status: Status
    reason_code: str
    message: Message
    trigger: str
    person: str | None  # who started it
    most_rows: int | None  # of a test
    due: datetime | None
    is_late: bool
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    data_as_of: datetime | None
    seconds: float | None  # from its start to its end, or until now; None while it waits
    attempts: Attempts
    unit: Unit
    done: int
    total: int | None
    sent: int | None  # that went out, or go out now; None where nothing was delivered
    bytes: int

    @property
    def moment(self) -> datetime:
        """When it happened, to people."""
        return self.due or self.queued_at

    @property
    def words(self) -> Records:
        """The words for what it counts."""
        return UNITS[self.unit]

    @property
    def cell(self) -> str:
        """What was sent, as a cell of a list."""
        return self.words.cell(self.sent)

    @property
    def started_by(self) -> str:
        """What started it, and who."""
        trigger = str(dict(Trigger.choices).get(self.trigger, self.trigger))
        return f"{trigger} · {self.person}" if self.person else trigger

    @property
    def tried(self) -> str | None:
        """The number of attempts and how the earlier ones ended; None for a single attempt."""
        return str(self.attempts) if self.attempts.count > 1 else None


def run_facts(run: Run, export: Export, *, is_paused: bool) -> RunFacts:
    """Return the facts of `run` of `export`, read with `triggered_by`, in an environment that may be paused."""
    is_timed = run.ended_at is not None or run.state == State.RUNNING
    return RunFacts(
        id=run.uuid,
        export_id=export.pk,
        export=export.name,
        status=status_of(run, is_paused=is_paused),
        reason_code=run.reason_code,
        message=run.message,
        trigger=run.trigger,
        person=str(run.triggered_by) if run.triggered_by else None,
        most_rows=run.most_rows,
        due=run.due,
        is_late=run.is_late,
        queued_at=run.queued_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        data_as_of=run.data_as_of,
        seconds=run.seconds if is_timed else None,
        attempts=_attempts(run),
        unit=Unit(run.unit or Unit.ROWS),
        done=run.rows_done,
        total=run.rows_total,
        sent=run.rows_sent,
        bytes=run.bytes_done,
    )


def result_words(run: Run, when: datetime) -> str:
    """Return the result of a run in one line, which begins with `when`. It reads only state, counts and times."""
    words = [exact_time(when), str(run.look.label)]
    words += [str(run.words.count(run.rows_sent))] if run.rows_sent is not None else []
    words += [duration(run.seconds)] if run.seconds is not None else []
    return " · ".join(words)


def _attempts(run: Run) -> Attempts:
    is_working_or_done = run.state not in (State.QUEUED, State.RETRYING)
    failed, taken = run.tries, run.claims
    # A failed last try is counted by `tries` already; its claims begin anew.
    return Attempts(failed + taken, failed, max(0, taken - 1) if is_working_or_done else taken)
