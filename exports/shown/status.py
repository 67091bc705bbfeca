"""The status of a run in words, as every list shows it, and the order in which people want to see statuses."""

from functools import lru_cache

from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from exports.models import Run
from exports.models.states import NOT_STARTED, STATES, State
from roles.templatetags import pieces
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


def status_of(run: Run | None) -> SafeString:
    """Return icon, words, reason and, while it runs, the bar."""
    percent = run.percent if run and run.state == State.RUNNING else None
    return _status(run.state if run else "", reason_of(run), percent, get_language() or "")


@lru_cache(maxsize=2048)
def _status(state: str, reason: str, percent: int | None, language: str) -> SafeString:
    look = STATES[state].look if state else NOT_STARTED
    return pieces.state(look.tone, str(look.label), reason, look.icon, percent)


def reason_of(run: Run | None) -> str:
    """A few words behind the status, so that nobody has to open anything to know what happened."""
    if run is None:
        return ""
    if run.cancel_requested_at and run.state == State.RUNNING:
        return _("canceling")
    if run.state == State.RUNNING:
        return "" if run.percent is None else f"{run.percent} %"
    if run.state == State.QUEUED:
        return run.reason or _("waiting for a worker")
    if run.state == State.RETRYING:
        return _("next try %(when)s") % {"when": relative(run.not_before, timezone.now())}
    return run.reason
