"""Records the success of a run, with what mars it."""

from connections.destinations.base import Destination
from exports.models import Run
from exports.models.states import State
from exports.runs import lifecycle
from exports.work.errors import LeaseLostError
from exports.work.gate import refuse_rejected, why_left_out
from exports.work.record import Recorder
from roles.messages import EMPTY, Message, joined, listed
from roles.messages import said as _

Warned = tuple[Message, Message]  # what mars a success: a few words for the list, and what happened


def succeed(recorder: Recorder, destination: type[Destination] | None) -> None:
    """Record the success; it counts only with the lease. Raises RunError where the target took nothing.

    `destination` is None for a run whose connection is gone.
    """
    run = recorder.run
    warnings = [*_left_out_of(run, destination), *_rejected_of(run), *_unsendable_of(run)]
    values = {
        "reason": joined((reason for reason, _text in warnings), by="; ") if warnings else EMPTY,
        "message": joined(text for _reason, text in warnings) if warnings else EMPTY,
    }
    if not lifecycle.finish(
        recorder.claimed,
        State.WARNED if warnings else State.SUCCEEDED,
        rows_done=recorder.rows,
        bytes_done=recorder.bytes,
        rows_total=recorder.rows,
        items=run.items,
        steps=run.steps,
        **values,
    ):
        raise LeaseLostError


def _left_out_of(run: Run, destination: type[Destination] | None) -> list[Warned]:
    """Return what to say of segments that were left out."""
    left_out = [(entry["name"], entry["expected"]) for entry in run.items if entry.get("left_out")]
    if not left_out or destination is None:
        return []
    names = listed(f"“{name}”" for name, _profiles in left_out)
    message = _("%(why)s They were left out; the others were sent.") % {"why": why_left_out(left_out, destination)}
    return [(_("left out: %(names)s") % {"names": names}, message)]


def _rejected_of(run: Run) -> list[Warned]:
    """Return what to say of records that the target rejected."""
    rejected = refuse_rejected(run)
    if not rejected:
        return []
    count = run.words.count(rejected + sum(entry["rows"] for entry in run.items))
    words = {"rejected": rejected, "count": count}
    message = _("The destination rejected %(rejected)s of %(count)s; the others were sent.") % words
    return [(_("%(rejected)s rejected") % words, message)]


def _unsendable_of(run: Run) -> list[Warned]:
    """Return what to say of records that lack what the target needs."""
    unsendable = sum(entry.get("unsendable", 0) for entry in run.items)
    if not unsendable:
        return []
    text = _("%(count)s could not be sent: a required value is missing or invalid. Correct the data, then run again.")
    return [(_("%(n)s not sendable") % {"n": unsendable}, text % {"count": run.words.count(unsendable)})]
