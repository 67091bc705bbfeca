"""Why a run cannot go on. `message` is for everyone, `detail` for administrators (connections' rule)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from roles.messages import Message, SaidError, joined
from roles.messages import said as _

if TYPE_CHECKING:
    from exports.work.brakes import Brake


class RunError(SaidError):
    """A run that cannot succeed without a change by a person."""

    def __init__(self, message: Message, *, reason: Message) -> None:
        super().__init__(message)
        self.reason = reason


class NotEligibleError(RunError):
    """Segments that the connection type does not take; `segment_ids` are theirs."""

    def __init__(self, message: Message, *, reason: Message, segment_ids: list[int]) -> None:
        super().__init__(message, reason=reason)
        self.segment_ids = segment_ids


class SkippedRunError(SaidError):
    """A run that sends nothing, and rightly so; its state is Skipped."""

    def __init__(self, message: Message, *, reason: Message) -> None:
        super().__init__(message)
        self.reason = reason


class EditedMeanwhileError(Exception):
    """Somebody saved the export while the run found out what to send: it starts over with what is saved now."""


class LeaseLostError(Exception):
    """Somebody else owns the run now; this process must leave everything as it is."""


class InterruptedRunError(BaseException):
    """The watcher asked this process to end; not an Exception, so that nothing swallows it on the way."""


class HeldRunError(Exception):
    """A run that the brakes hold until a person decides; nothing of it is visible at the target."""

    def __init__(self, brakes: "Sequence[Brake]") -> None:
        super().__init__()
        self.brakes = list(brakes)

    @property
    def reason(self) -> Message:
        """A few words for the list, by the first brake."""
        more = len(self.brakes) - 1
        first = self.brakes[0].short
        return _("%(first)s, and %(n)d more") % {"first": first, "n": more} if more else first

    @property
    def message(self) -> Message:
        """What is unusual and what to do, for everyone."""
        text = _("%(texts)s. Nothing was sent. Check the data, then send anyway or discard this run.")
        return text % {"texts": joined((brake.text for brake in self.brakes), by=". ")}
