"""The status of an export or a run, and the order in which people want to see statuses."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Run
from exports.models.states import NOT_STARTED, STATES, Look, State
from roles.messages import EMPTY, Message
from roles.ui import locales
from roles.ui.words import relative

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


@dataclass(frozen=True)
class Status:
    """Where a run is or how it ended; `state` is empty for an export that never ran. Words are made when asked for."""

    state: str = ""
    said: Message = EMPTY  # what the run says of itself
    percent: int | None = None  # while it runs, once its end is known
    is_canceling: bool = False
    next_try: datetime | None = None

    @property
    def look(self) -> Look:
        """Icon, tone and words of the state."""
        return STATES[self.state].look if self.state else NOT_STARTED

    @property
    def reason(self) -> str:
        """A few words behind the state, so that nobody has to open anything to know what happened."""
        if self.is_canceling:
            return _("canceling")
        if self.state == State.RUNNING:
            return "" if self.percent is None else locales.percent(self.percent)
        if self.state == State.RETRYING and self.next_try:
            return _("next attempt %(when)s") % {"when": relative(self.next_try, timezone.now())}
        return str(self.said) or (_("waiting for a worker") if self.state == State.QUEUED else "")


NEVER_RUN = Status()


def status_of(run: Run | None) -> Status:
    """Return the status of `run`; None is the last run of an export that never ran."""
    if run is None:
        return NEVER_RUN
    if run.state == State.RUNNING:
        return Status(run.state, run.reason, run.percent, is_canceling=run.cancel_requested_at is not None)
    return Status(run.state, run.reason, next_try=run.not_before if run.state == State.RETRYING else None)
