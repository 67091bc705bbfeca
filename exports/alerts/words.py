"""What alerts say, for everyone: no host, path or profile's value in it."""

from datetime import timedelta

from exports.models import RefreshState, Run, SystemRefresh
from exports.models.states import State
from roles.messages import Message, joined, listed
from roles.messages import said as _
from roles.messages import said_many as ngettext

MOST_NAMED = 5  # tables and segments of one refresh


def trouble(run: Run) -> Message:
    """Say why `run` failed, is held or was skipped."""
    return run.message or run.reason or Message.of(State(run.state).label)


def late(run: Run, by: timedelta) -> Message:
    """Say that `run` started late."""
    return _("Due %(due)s, started %(minutes)s late.") % {"due": run.due, "minutes": minutes(by)}


def unstarted(run: Run) -> Message:
    """Say that `run` is due and does not start, and what it waits for."""
    words = {"due": run.due, "waits": run.waits_for or run.reason}
    if not words["waits"]:
        return _("Due %(due)s, not started yet.") % words
    return _("Due %(due)s, not started yet: %(waits)s.") % words


def switched_off(problem: Message) -> Message:
    """Say that a schedule switched itself off."""
    return _("The schedule switched itself off: %(problem)s") % {"problem": problem}


def refresh_switched_off(problem: Message) -> Message:
    """Say that the schedule of the system refresh switched itself off."""
    return _("The system refresh switched itself off: %(problem)s") % {"problem": problem}


def delivered(run: Run) -> Message:
    """Say that all is well again."""
    return run.words.delivered(run.rows_done)


def decided(run: Run) -> Message:
    """Say what became of a run that was held."""
    if run.state == State.QUEUED:
        return _("Released by %(who)s.") % {"who": run.decided_by} if run.decided_by else _("Released.")
    if run.decided_by:
        return _("Discarded by %(who)s.") % {"who": run.decided_by}
    if run.state == State.SKIPPED:
        return _("No decision before the next occurrence.")
    return _("Ended: %(state)s.") % {"state": State(run.state).label}


def refresh_trouble(refresh: SystemRefresh, failed: list[str]) -> Message:
    """Say why a system refresh is not well; `failed` are the names of tables and segments."""
    if failed:
        names, more = listed(f"“{name}”" for name in failed[:MOST_NAMED]), len(failed) - MOST_NAMED
        text = _("The system refresh could not refresh %(names)s.")
        if more > 0:
            text = ngettext("The system refresh could not refresh %(names)s and %(n)d more.",
                            "The system refresh could not refresh %(names)s and %(n)d more.", more)  # fmt: skip
        return text % {"names": names}
    if refresh.state == RefreshState.SKIPPED:
        return joined(filter(None, [_("The system refresh was skipped."), refresh.reason]))
    return joined(filter(None, [_("The system refresh failed."), refresh.reason]))


def refresh_late(refresh: SystemRefresh) -> Message:
    """Say that a system refresh started late."""
    return _("The system refresh was due %(due)s and started late.") % {"due": refresh.due}


def minutes(by: timedelta) -> Message:
    """Return a length of time in minutes."""
    count = max(1, int(by.total_seconds() // 60))
    return ngettext("%(n)s minute", "%(n)s minutes", count)
