"""The log of a run, in people's words: what `exports.audited` and the runner tell of it, a line each.

Lines are few (states, steps), never one for a row. `text` is for everyone: no host, path or value in it; what
names them goes into `detail`, which administrators alone see.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from exports.models import Level, Run, RunLine
from exports.models.states import STATES, State
from roles.models import User
from roles.ui.words import duration, exact_time

MOST_LINES = 500
LONGEST = 500  # characters of a line
# One statement for a line, and none is left of a run that is gone.
ADD = """
INSERT INTO exports_runline (run_id, at, level, text, detail)
SELECT id, statement_timestamp(), %s, %s, %s FROM exports_run
WHERE id = %s AND (SELECT count(*) FROM exports_runline WHERE run_id = exports_run.id) < %s
"""
LEVELS: dict[str, Level] = {
    State.RUNNING: Level.INFO,
    State.SUCCEEDED: Level.INFO,
    State.FAILED: Level.ERROR,
}
STEP_LEVELS = {"failed": Level.ERROR, "held": Level.WARNING}


def say(run: Run | int, text: str, *, level: Level = Level.INFO, detail: str = "") -> None:
    """Add a line to the run's log; nothing beyond MOST_LINES."""
    run_id = run if isinstance(run, int) else run.pk
    with connection.cursor() as cursor:
        cursor.execute(ADD, [level.value, _cut(text), detail, run_id, MOST_LINES])


def note_state(run: Run, before: str, said: str, *, by: User | None = None) -> None:
    """Tell that `run` went from the state `before` to the one it has now; `said` is its message without values."""
    move = _Move(run, before, said, by)
    level = Level.INFO if before == State.HELD else LEVELS.get(run.state, Level.WARNING)
    say(run, move.words, level=level, detail=move.detail)


def note_cancel(run: Run, by: User | None) -> None:
    """Tell that somebody wants the run canceled."""
    say(run, _("Cancel asked for by %(who)s") % {"who": by} if by else _("Cancel asked for"), level=Level.WARNING)


def note_wait(run: Run, waits_for: str) -> None:
    """Tell what the run waits for from now on, or that what it waited for has ended."""
    over = _("The wait for %(what)s is over") % {"what": run.waits_for}
    say(run, _("Waits for %(what)s") % {"what": waits_for} if waits_for else over)


def note_begun(run: Run, step: dict[str, Any]) -> None:
    """Tell that a step of the run began."""
    say(run, f"{step['label']} …")


def note_step(run: Run, step: dict[str, Any]) -> None:
    """Tell how a step of the run ended: what it found, and how long it took."""
    ended = {"failed": _("failed"), "held": _("held")}.get(step["state"], _("done"))
    said = " · ".join([step["label"], *([step["note"]] if step["note"] else []), ended])
    text = f"{said} ({duration(step['seconds'])})"
    say(run, text, level=STEP_LEVELS.get(step["state"], Level.INFO))


def lines_of(run: Run) -> list[RunLine]:
    """Return the run's log, oldest first; what came of it without any worker is told by the run itself."""
    lines = list(run.lines.order_by("pk"))
    first = RunLine(run=run, at=run.queued_at, text=_cut(_began(run, was_queued=bool(lines) or not run.ended_at)))
    if lines or not run.ended_at:
        return [first, *lines]
    level = LEVELS.get(run.state, Level.WARNING)
    return [first, RunLine(run=run, at=run.ended_at, text=_cut(_Move(run, "", run.message, None).ended()), level=level)]


def _began(run: Run, *, was_queued: bool) -> str:
    who = f" · {run.triggered_by}" if run.triggered_by else ""
    trigger = f"{run.get_trigger_display()}{who}"
    said = [_("Queued: %(trigger)s") % {"trigger": trigger} if was_queued else trigger]
    if run.due:
        said.append(_("due %(when)s") % {"when": exact_time(run.due)})
    if run.is_late:
        said.append(_("late, since Waybill was not running then"))
    return ", ".join(said)


@dataclass(frozen=True)
class _Move:
    """A change of state, in words."""

    run: Run
    before: str
    said: str
    by: User | None

    @property
    def words(self) -> str:
        own = {
            State.RUNNING: self._started,
            State.QUEUED: self._back_in_queue,
            State.RETRYING: self._retrying,
            State.HELD: self._held,
            State.CANCELED: self._canceled,
            State.WARNED: self._delivered,
            State.SUCCEEDED: self._delivered,
        }
        return own.get(State(self.run.state), self.ended)()

    @property
    def detail(self) -> str:
        """Which process took it, or what only administrators may know of a failure."""
        if self.run.state == State.RUNNING:
            return _("Worker %(worker)s") % {"worker": self.run.worker}
        return self.run.detail

    @property
    def _label(self) -> str:
        return str(STATES[self.run.state].look.label)

    def _started(self) -> str:
        if self.before == State.RETRYING:
            return _("Tried again: try %(n)d") % {"n": self.run.tries + 1}
        return _("Started") if self.run.claims < 2 else _("Started again: attempt %(n)d") % {"n": self.run.claims}

    def _back_in_queue(self) -> str:
        if self.before == State.HELD:
            return self._decided(_("Let go by %(who)s: %(why)s"))
        if self.by is not None:
            return f"{self.run.reason} · {self.by}"
        return self.said or _("Its worker stopped and gave it back; another one takes it")

    def _retrying(self) -> str:
        when = exact_time(self.run.not_before)
        return _("Failed: %(message)s Next try at %(when)s") % {"message": self.said, "when": when}

    def _held(self) -> str:
        texts = ". ".join(one["text"] for one in self.run.held_for)
        return _("Held: %(texts)s. Somebody who may edit the export decides") % {"texts": texts or self.run.reason}

    def _canceled(self) -> str:
        if self.run.decision:
            return self._decided(_("Dropped by %(who)s: %(why)s"))
        return f"{self._label} {self.run.reason}".strip()

    def _decided(self, words: str) -> str:
        return words % {"who": self.run.decided_by or _("nobody"), "why": self.run.decision}

    def _delivered(self) -> str:
        outcome = self.run.words.outcome(self.run)
        return f"{self._label}: {outcome}" + (f". {self.said}" if self.said else "")

    def ended(self) -> str:
        """How the run ended, and why."""
        said = self.said or self.run.reason
        return f"{self._label}: {said}" if said else self._label


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
