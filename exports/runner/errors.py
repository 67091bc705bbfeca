"""Why a run cannot go on. `message` is for everyone, `detail` for administrators (connections' rule)."""

from django.utils.functional import Promise


class RunError(Exception):
    """A run that cannot succeed without a change by a person."""

    def __init__(self, message: str | Promise, *, reason: str | Promise, detail: str = "") -> None:
        super().__init__(message)
        self.message, self.reason, self.detail = str(message), str(reason), detail


class NotEligibleError(RunError):
    """Segments that the connection type does not take; `segment_ids` are theirs."""

    def __init__(self, message: str | Promise, *, reason: str | Promise, segment_ids: list[int]) -> None:
        super().__init__(message, reason=reason)
        self.segment_ids = segment_ids


class SkippedRunError(Exception):
    """A run that sends nothing, and rightly so; its state is Skipped."""

    def __init__(self, message: str | Promise, *, reason: str | Promise) -> None:
        super().__init__(message)
        self.message, self.reason = str(message), str(reason)


class EditedMeanwhileError(Exception):
    """Somebody saved the export while the run found out what to send: it starts over with what is saved now."""


class LeaseLostError(Exception):
    """Somebody else owns the run now; this process must leave everything as it is."""


class InterruptedRunError(BaseException):
    """The watcher asked this process to end; not an Exception, so that nothing swallows it on the way."""
