"""The log of a run, in people's words: a line for each change of state and each step.

Lines are few (states, steps), never one for a row. `text` is for everyone: no host, path or value in it; what
names them goes into `detail`, which administrators alone see.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection

from exports.models import Level, Run, RunLine, Trigger
from exports.models.states import STATES, State
from roles.messages import EMPTY, Message, enumerated, joined
from roles.messages import said as _
from roles.messages.field import out_of_json
from roles.models import User

MOST_LINES = 500
# One statement for a line, and none is left of a run that is gone.
ADD = """
INSERT INTO exports_runline (run_id, at, level, text_said, detail_said)
SELECT id, statement_timestamp(), %s, %s::jsonb, %s::jsonb FROM exports_run
WHERE id = %s AND (SELECT count(*) FROM exports_runline WHERE run_id = exports_run.id) < %s
"""
LEVELS: dict[str, Level] = {
    State.RUNNING: Level.INFO,
    State.SUCCEEDED: Level.INFO,
    State.FAILED: Level.ERROR,
}
STEP_LEVELS = {"failed": Level.ERROR, "held": Level.WARNING}


def say(run: Run | int, text: Message | str, *, level: Level = Level.INFO, detail: Message | str = EMPTY) -> None:
    """Add a line to the run's log, with people's values masked. Adds nothing beyond MOST_LINES."""
    run_id = run if isinstance(run, int) else run.pk
    said = Message.of(text).masked(), Message.of(detail)
    with connection.cursor() as cursor:
        cursor.execute(ADD, [level.value, *(json.dumps(one.as_json()) for one in said), run_id, MOST_LINES])


def note_state(run: Run, before: str, *, by: User | None = None) -> None:
    """Log the run's change from the state `before` to its present one."""
    move = _Move(run, before, by)
    level = Level.INFO if before == State.HELD else LEVELS.get(run.state, Level.WARNING)
    say(run, move.words, level=level, detail=move.detail)


def note_cancel(run: Run, by: User | None) -> None:
    """Log that somebody asked to cancel the run."""
    say(run, _("Cancel requested by %(who)s") % {"who": by} if by else _("Cancel requested"), level=Level.WARNING)


def note_wait(run: Run, waits_for: Message) -> None:
    """Log what the run waits for now, or that its wait is over."""
    over = _("No longer waiting for %(what)s") % {"what": run.waits_for}
    say(run, _("Waiting for %(what)s") % {"what": waits_for} if waits_for else over)


def note_begun(run: Run, step: dict[str, Any]) -> None:
    """Log that a step of the run began."""
    say(run, _("%(step)s …") % {"step": out_of_json(step["label"])})


def note_step(run: Run, step: dict[str, Any]) -> None:
    """Log the end of a step: its result and how long it took."""
    ended = {"failed": _("failed"), "held": _("held")}.get(step["state"], _("done"))
    parts = [out_of_json(step["label"]), out_of_json(step["note"]), ended]
    words = {"told": joined(filter(None, parts), by=" · "), "time": timedelta(seconds=step["seconds"])}
    say(run, _("%(told)s (%(time)s)") % words, level=STEP_LEVELS.get(step["state"], Level.INFO))


def lines_of(run: Run) -> list[RunLine]:
    """Return the run's log, oldest first. The end of a run without logged lines is read from the run itself."""
    lines = list(run.lines.order_by("pk"))
    first = RunLine(run=run, at=run.queued_at, text=_began(run, was_queued=bool(lines) or not run.ended_at))
    if lines or not run.ended_at:
        return [first, *lines]
    level = LEVELS.get(run.state, Level.WARNING)
    return [first, RunLine(run=run, at=run.ended_at, text=_Move(run, "", None).ended(), level=level)]


def _began(run: Run, *, was_queued: bool) -> Message:
    trigger = joined(filter(None, (Message.of(Trigger(run.trigger).label), run.triggered_by)), by=" · ")
    parts = [_("Queued: %(trigger)s") % {"trigger": trigger} if was_queued else trigger]
    if run.due:
        parts.append(_("due %(when)s") % {"when": run.due})
    if run.is_late:
        parts.append(_("late, because Waybill was not running"))
    return enumerated(parts)


@dataclass(frozen=True)
class _Move:
    """A change of state, in words."""

    run: Run
    before: str
    by: User | None

    @property
    def words(self) -> Message:
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
    def detail(self) -> Message:
        """Which process took it, or what only administrators may know of a failure."""
        if self.run.state == State.RUNNING:
            return _("Worker %(worker)s") % {"worker": self.run.worker}
        return self.run.detail

    @property
    def _label(self) -> Message:
        return Message.of(STATES[self.run.state].look.label)

    def _started(self) -> Message:
        if self.run.is_publishing:
            return _("Started again to check what arrived at the destination")
        if self.before == State.RETRYING:
            return _("Retrying: attempt %(n)d") % {"n": self.run.tries + 1}
        return _("Started") if self.run.claims < 2 else _("Restarted: attempt %(n)d") % {"n": self.run.claims}

    def _back_in_queue(self) -> Message:
        if self.before == State.HELD:
            return self._decided(_("Released by %(who)s: %(why)s"))
        if self.by is not None:
            return _("%(reason)s · %(who)s") % {"reason": self.run.reason, "who": self.by}
        return self.run.message or _("Its worker stopped and returned it; another one takes it")

    def _retrying(self) -> Message:
        words = {"message": self.run.message, "when": self.run.not_before}
        return _("Failed: %(message)s Next attempt at %(when)s") % words

    def _held(self) -> Message:
        texts = joined(self.run.held_texts, by=". ")
        held_for = texts if self.run.held_for else self.run.reason
        return _("Held: %(texts)s. Anyone who can edit the export can decide") % {"texts": held_for}

    def _canceled(self) -> Message:
        if self.run.decision:
            return self._decided(_("Discarded by %(who)s: %(why)s"))
        return _("%(state)s %(reason)s") % self._facts if self.run.reason else self._label

    def _decided(self, words: Message) -> Message:
        return words % {"who": self.run.decided_by or _("unknown"), "why": self.run.decision}

    def _delivered(self) -> Message:
        words = self._facts | {"outcome": self.run.words.outcome(self.run)}
        if self.run.message:
            return _("%(state)s: %(outcome)s. %(message)s") % words
        return _("%(state)s: %(outcome)s") % words

    def ended(self) -> Message:
        """How the run ended, and why."""
        if self.run.message:
            return _("%(state)s: %(message)s") % self._facts
        return _("%(state)s: %(reason)s") % self._facts if self.run.reason else self._label

    @property
    def _facts(self) -> dict[str, Any]:
        return {"state": self._label, "reason": self.run.reason, "message": self.run.message}
