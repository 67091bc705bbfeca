"""What alerts say, for everyone: no host, path or profile's value in it."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exports.models import RefreshState, Run, SystemRefresh
from exports.models.states import State
from roles.ui.words import exact_time, number


def trouble(run: Run, message: str) -> str:
    """Say why `run` failed, is held or was skipped; `message` is what it tells everyone."""
    return message or run.reason or str(run.get_state_display())


def late(run: Run, by: timedelta) -> str:
    """Say that `run` started late."""
    return _("It was due %(due)s and started %(minutes)s late.") % {"due": _due(run), "minutes": minutes(by)}


def unstarted(run: Run) -> str:
    """Say that `run` is due and does not start, and what it waits for."""
    text = _("It was due %(due)s and has not started.") % {"due": _due(run)}
    waits = run.waits_for or run.reason
    return f"{text} {waits.rstrip('.')}." if waits else text


def switched_off(problem: str) -> str:
    """Say that a schedule switched itself off."""
    return _("Its schedule was switched off by itself: %(problem)s") % {"problem": problem}


def refresh_switched_off(problem: str) -> str:
    """Say that the schedule of the system refresh switched itself off."""
    return _("The system refresh was switched off by itself: %(problem)s") % {"problem": problem}


def delivered(run: Run) -> str:
    """Say that all is well again."""
    return run.words.delivered(run.rows_done)


def decided(run: Run) -> str:
    """Say what became of a run that was held."""
    if run.state == State.QUEUED:
        return _("%(who)s let it go.") % {"who": run.decided_by} if run.decided_by else _("It was let go.")
    if run.decided_by:
        return _("%(who)s dropped it.") % {"who": run.decided_by}
    if run.state == State.SKIPPED:
        return _("Nobody decided before the next occurrence.")
    return _("It was ended: %(state)s.") % {"state": run.get_state_display()}


def refresh_trouble(refresh: SystemRefresh, failed: list[str]) -> str:
    """Say why a system refresh is not well; `failed` are the names of tables and segments."""
    if failed:
        shown = ", ".join(f"“{name}”" for name in failed[:5])
        more = len(failed) - 5
        rest = ngettext(" and %(n)d more", " and %(n)d more", more) % {"n": more} if more > 0 else ""
        return _("The system refresh could not refresh %(names)s.") % {"names": shown + rest}
    if refresh.state == RefreshState.SKIPPED:
        return _("The system refresh was skipped. %(reason)s") % {"reason": refresh.reason}
    return _("The system refresh failed. %(reason)s") % {"reason": refresh.reason}


def refresh_late(refresh: SystemRefresh) -> str:
    """Say that a system refresh started late."""
    return _("The system refresh was due %(due)s and started late.") % {"due": _moment(refresh.due)}


def minutes(by: timedelta) -> str:
    """Return a length of time in minutes."""
    count = max(1, int(by.total_seconds() // 60))
    return ngettext("%(n)s minute", "%(n)s minutes", count) % {"n": number(count)}


def _due(run: Run) -> str:
    return _moment(run.due)


def _moment(value: datetime | None) -> str:
    return exact_time(value) if value else ""
