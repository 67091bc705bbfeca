"""How far the system refresh is, as a whole: its parts by state, and what it does now."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import (
    REFRESHES_UNDER_WAY,
    PartKind,
    PartState,
    RefreshSchedule,
    RefreshState,
    RefreshTrigger,
    SystemRefresh,
)
from exports.models.states import STATES, Look, State
from exports.schedules.words import due_text
from roles.models import Environment
from roles.ui.words import relative

# How they are shown: as the states of runs that mean the same.
LOOKS: dict[str, Look] = {state: replace(STATES[state.value].look, label=state.label) for state in RefreshState}
MEANS = {PartState.WAITING: State.QUEUED, PartState.DONE: State.SUCCEEDED}
PART_LOOKS: dict[str, Look] = {
    state: replace(STATES[MEANS.get(state, state.value)].look, label=state.label) for state in PartState
}
TO_COME = (PartState.WAITING, PartState.RUNNING)
WELL = (PartState.DONE, PartState.WARNED)


@dataclass(frozen=True)
class Workflow:
    """The system refresh that is under way, else the last one; `counts` are its parts by kind and state."""

    refresh: SystemRefresh | None
    counts: Counter[tuple[str, str]]
    next_due: datetime | None
    is_scheduled: bool
    zone: str = "UTC"

    @property
    def is_under_way(self) -> bool:
        """Whether it has not ended."""
        return self.refresh is not None and self.refresh.state in REFRESHES_UNDER_WAY

    @property
    def is_being_canceled(self) -> bool:
        """Whether a person has asked it to stop."""
        return self.is_under_way and self.refresh is not None and self.refresh.cancel_requested_at is not None

    @property
    def next_text(self) -> str:
        """When the schedule starts the next one, in its own zone; "" where it does not."""
        return due_text(self.next_due, self.zone) if self.next_due else ""

    @property
    def look(self) -> Look | None:
        """How its state is shown."""
        return LOOKS[self.refresh.state] if self.refresh else None

    @property
    def total(self) -> int:
        """How many parts it has."""
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        """How many of its parts have ended, whatever came of them."""
        return sum(count for (_kind, state), count in self.counts.items() if state not in TO_COME)

    @property
    def percent(self) -> int:
        """How much of it has ended, 0 to 100."""
        return int(100 * self.done / self.total) if self.total else 100

    @property
    def started_by(self) -> str:
        """Who or what started it."""
        return started_by(self.refresh) if self.refresh else ""

    @property
    def age(self) -> str:
        """How long ago the last thing happened to it."""
        refresh = self.refresh
        moment = (refresh.ended_at or refresh.started_at or refresh.queued_at) if refresh else None
        return relative(moment, timezone.now()) if moment else ""

    @property
    def lines(self) -> list[str]:
        """How far each kind is, and what went wrong, in words."""
        kinds = {
            PartKind.TABLE: _("%(done)d of %(all)d tables"),
            PartKind.SEGMENT: _("%(done)d of %(all)d segments"),
            PartKind.EXPORT: _("%(done)d of %(all)d exports"),
        }
        said = [words % self._of(kind) for kind, words in kinds.items() if self._of(kind)["all"]]
        if not self.is_under_way:  # the reason beside its state says the rest
            return said
        bad = {PartState.FAILED: _("%(n)d failed"), PartState.SKIPPED: _("%(n)d skipped")}
        return said + [words % {"n": self._in(state)} for state, words in bad.items() if self._in(state)]

    def _of(self, kind: PartKind) -> dict[str, int]:
        counts = {state: count for (of, state), count in self.counts.items() if of == kind}
        return {"done": sum(counts.get(state, 0) for state in WELL), "all": sum(counts.values())}

    def _in(self, state: PartState) -> int:
        return sum(count for (_kind, of), count in self.counts.items() if of == state)

    @property
    def facts(self) -> tuple[Any, ...]:
        """All that the page shows of it, to be compared."""
        refresh = self.refresh
        own = (refresh.pk, refresh.state, refresh.reason, refresh.cancel_requested_at) if refresh else ()
        return (*own, sorted(self.counts.items()), self.next_due, self.is_scheduled, self.zone)


def workflow_of(environment: Environment) -> Workflow:
    """Return how far the environment's system refresh is, in a constant number of queries."""
    refreshes = SystemRefresh.objects.filter(environment=environment).select_related("triggered_by")
    refresh = refreshes.filter(state__in=REFRESHES_UNDER_WAY).first()
    refresh = refresh or refreshes.exclude(state=RefreshState.SKIPPED).order_by("-id").first()
    schedule = RefreshSchedule.objects.filter(environment=environment, is_on=True).first()
    counts = counts_of(refresh) if refresh else Counter()
    if schedule is None:
        return Workflow(refresh, counts, None, is_scheduled=False)
    return Workflow(refresh, counts, schedule.next_due, is_scheduled=True, zone=schedule.zone)


def counts_of(refresh: SystemRefresh) -> Counter[tuple[str, str]]:
    """Return how many parts the refresh has by kind and state."""
    found = refresh.parts.order_by().values_list("kind", "state").annotate(Count("pk"))
    return Counter({(kind, state): count for kind, state, count in found})


def started_by(refresh: SystemRefresh) -> str:
    """Say who or what started a system refresh."""
    if refresh.trigger == RefreshTrigger.SCHEDULE:
        return _("by schedule")
    return _("by %(who)s") % {"who": refresh.triggered_by} if refresh.triggered_by else _("by a person")
