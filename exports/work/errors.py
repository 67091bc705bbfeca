"""Why a run cannot go on. `message` is for everyone, `detail` for administrators (connections' rule)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from roles.messages import Message

if TYPE_CHECKING:
    from exports.work.brakes import Brake


Text = str | Promise | Message


class RunError(Exception):
    """A run that cannot succeed without a change by a person."""

    def __init__(self, message: Text, *, reason: Text, detail: str = "") -> None:
        super().__init__(message)
        self.message, self.reason, self.detail = str(message), str(reason), detail


class NotEligibleError(RunError):
    """Segments that the connection type does not take; `segment_ids` are theirs."""

    def __init__(self, message: Text, *, reason: Text, segment_ids: list[int]) -> None:
        super().__init__(message, reason=reason)
        self.segment_ids = segment_ids


class SkippedRunError(Exception):
    """A run that sends nothing, and rightly so; its state is Skipped."""

    def __init__(self, message: Text, *, reason: Text) -> None:
        super().__init__(message)
        self.message, self.reason = str(message), str(reason)


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
    def reason(self) -> str:
        """A few words for the list, by the first brake."""
        more = len(self.brakes) - 1
        said = _("%(first)s, and %(n)d more") % {"first": self.brakes[0].short, "n": more} if more else ""
        return (said or self.brakes[0].short)[:200]

    @property
    def message(self) -> str:
        """What is unusual and what to do, for everyone."""
        texts = ". ".join(brake.text for brake in self.brakes)
        todo = _("Nothing was sent. Check what is to be sent, then send it anyway or drop this run.")
        return f"{texts}. {todo}"
