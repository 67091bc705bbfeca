"""The status of an export or a run, and the order in which people want to see statuses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.models import Run
from exports.models.states import CLAIMABLE, NOT_STARTED, STATES, Look, State
from roles.messages import EMPTY, Message
from roles.ui import locales
from roles.ui.words import relative

LOOKS: dict[str, Look] = {"": NOT_STARTED} | {state: rule.look for state, rule in STATES.items()}
# The order in which a person wants to see statuses: what needs them first.
STATUS_ORDER = [
    State.HELD,
    State.FAILED,
    State.RETRYING,
    State.RUNNING,
    State.QUEUED,
    State.WARNED,
    State.SKIPPED,
    State.CANCELED,
    State.SUCCEEDED,
]

NOT_STARTED_VALUE = "not_started"  # stands in addresses for the state "", of what never ran
FAILED_ANY = "failed_any"
# The states that a filter of this name lets through; others are states themselves.
UNITED = {NOT_STARTED_VALUE: ("",), FAILED_ANY: (State.FAILED, State.RETRYING)}
FAILED_ANY_LOOK = Look(gettext_lazy("Failed"), "alert-circle", "danger")
NEEDS_SOMEBODY = (State.HELD, State.FAILED)
UNTIL_RESUMED = Look(gettext_lazy("Queued until resumed"), "clock", "neutral")


def states_of(status: str) -> tuple[str, ...]:
    """Return the states that the filter `status` lets through, "" for what never ran."""
    return UNITED.get(status, (status,))


def count_of(counts: Mapping[str, int], status: str) -> int:
    """Return how many the filter `status` lets through, of counts by state: the number on its chip and in headings."""
    return sum(counts.get(state, 0) for state in states_of(status))


def chips_of(counts: Mapping[str, int], chosen: str, looks: Mapping[str, Look] = LOOKS) -> list[dict[str, Any]]:
    """Return the filters for statuses that occur, what needs a person first: "value", "look" and "count".

    *Failed* unites what failed for good with what is tried again; one of both is there where an address chooses it.
    """
    chips, united = [], UNITED[FAILED_ANY]
    for state in (*STATUS_ORDER, ""):
        value = state or NOT_STARTED_VALUE
        if state == united[0] and (count_of(counts, FAILED_ANY) or chosen == FAILED_ANY):
            chips.append({"value": FAILED_ANY, "look": FAILED_ANY_LOOK, "count": count_of(counts, FAILED_ANY)})
        if chosen == value or (counts.get(state) and state not in united):
            chips.append({"value": value, "look": looks[state], "count": counts.get(state, 0)})
    return chips


@dataclass(frozen=True)
class Status:
    """Where a run is or how it ended; `state` is empty for an export that never ran. Words are made when asked for."""

    state: str = ""
    said: Message = EMPTY  # what the run says of itself
    percent: int | None = None  # while it runs, once its end is known
    is_canceling: bool = False
    next_try: datetime | None = None
    is_paused: bool = False  # its environment: nothing starts

    @property
    def look(self) -> Look:
        """Icon, tone and words of the state."""
        if self.state == State.QUEUED and self.is_paused:
            return UNTIL_RESUMED
        return STATES[self.state].look if self.state else NOT_STARTED

    @property
    def reason(self) -> str:
        """A few words behind the state, so that nobody has to open anything to know what happened."""
        if self.is_canceling:
            return _("canceling")
        if self.state == State.RUNNING:
            return "" if self.percent is None else locales.percent(self.percent)
        if self.is_paused and self.state in CLAIMABLE:
            return "" if self.state == State.QUEUED else _("next try when resumed")
        if self.state == State.RETRYING and self.next_try:
            return _("next attempt %(when)s") % {"when": relative(self.next_try, timezone.now())}
        return str(self.said) or (_("waiting for a worker") if self.state == State.QUEUED else "")


NEVER_RUN = Status()


def status_of(run: Run | None, *, is_paused: bool) -> Status:
    """Return the status of `run` in an environment that may be paused; None is that of an export that never ran."""
    if run is None:
        return NEVER_RUN
    if run.state == State.RUNNING:
        return Status(run.state, run.reason, run.percent, is_canceling=run.cancel_requested_at is not None)
    next_try = run.not_before if run.state == State.RETRYING else None
    return Status(run.state, run.reason, next_try=next_try, is_paused=is_paused)
