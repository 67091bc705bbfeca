"""The one table of run states: words, icon, tone, and what may follow what (docs/rules.md)."""

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class State(TextChoices):
    """The state of a run; an export without any run is shown as `NOT_STARTED`."""

    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Refreshing")
    SUCCEEDED = "succeeded", _("Successful")
    WARNED = "warned", _("Completed with warnings")
    RETRYING = "retrying", _("Failed (retrying)")
    FAILED = "failed", _("Failed (permanent)")
    SKIPPED = "skipped", _("Skipped")
    HELD = "held", _("Held")
    CANCELED = "canceled", _("Canceled")


@dataclass(frozen=True)
class Look:
    """How a state is shown: always icon and words, the tone only adds to them."""

    label: str | Promise
    icon: str
    tone: str


@dataclass(frozen=True)
class Rule:
    """What a state means to the queue: `follows` are the states that a run may go to from here."""

    look: Look
    follows: frozenset[State] = frozenset()

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return not self.follows


S = State
NOT_STARTED = Look(_("Not started"), "dashed-circle", "neutral")
STATES: dict[str, Rule] = {
    S.QUEUED: Rule(Look(S.QUEUED.label, "clock", "neutral"), frozenset({S.RUNNING, S.CANCELED, S.SKIPPED, S.FAILED})),
    S.RUNNING: Rule(
        Look(S.RUNNING.label, "run", "running"),
        frozenset({S.SUCCEEDED, S.WARNED, S.FAILED, S.RETRYING, S.SKIPPED, S.HELD, S.CANCELED, S.QUEUED}),
    ),
    S.RETRYING: Rule(
        Look(S.RETRYING.label, "alert-circle", "danger"), frozenset({S.RUNNING, S.CANCELED, S.FAILED, S.QUEUED})
    ),
    S.HELD: Rule(Look(S.HELD.label, "pause-circle", "held"), frozenset({S.QUEUED, S.CANCELED, S.SKIPPED})),
    S.SUCCEEDED: Rule(Look(S.SUCCEEDED.label, "check-circle", "success")),
    S.WARNED: Rule(Look(S.WARNED.label, "alert-triangle", "warning")),
    S.FAILED: Rule(Look(S.FAILED.label, "alert-circle", "danger")),
    S.SKIPPED: Rule(Look(S.SKIPPED.label, "minus-circle", "warning")),
    S.CANCELED: Rule(Look(S.CANCELED.label, "x-circle", "neutral")),
}
ACTIVE = tuple(state for state, rule in STATES.items() if not rule.is_final)
FINAL = tuple(state for state, rule in STATES.items() if rule.is_final)
CLAIMABLE = (S.QUEUED, S.RETRYING)
DELIVERED = (S.SUCCEEDED, S.WARNED)


def may_follow(before: str, after: str) -> bool:
    """Whether a run may go from `before` to `after`."""
    return after in STATES[before].follows
