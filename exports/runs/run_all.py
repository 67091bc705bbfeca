"""Which exports *Run all* runs, and why it leaves out the others."""

from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exports.models import Export, ScheduleMode
from exports.models.states import ACTIVE
from roles.access.policy import Access

MOST_NAMED = 20  # of each list; the others are counted


class LeftOut(NamedTuple):
    """Exports that *Run all* leaves out for the same reason."""

    reason: str
    names: list[str]

    @property
    def first(self) -> list[str]:
        """The names that are shown."""
        return self.names[:MOST_NAMED]

    @property
    def more(self) -> int:
        """How many names are only counted."""
        return max(0, len(self.names) - MOST_NAMED)

    @property
    def summary(self) -> str:
        """Reason and number in a few words."""
        words = ngettext("%(reason)s: %(n)d left out", "%(reason)s: %(n)d left out", len(self.names))
        return words % {"reason": self.reason, "n": len(self.names)}


@dataclass(frozen=True)
class RunAllPlan:
    """What *Run all* would do now: exports to run, and those it leaves out by the reason."""

    to_run: list[Export]
    left_out: list[LeftOut]

    @property
    def first(self) -> list[Export]:
        """The exports to run that are named."""
        return self.to_run[:MOST_NAMED]

    @property
    def more(self) -> int:
        """How many exports to run are only counted."""
        return max(0, len(self.to_run) - MOST_NAMED)


def plan_run_all(access: Access) -> RunAllPlan:
    """Return what *Run all* does for the user: only exports with an active schedule that they may edit."""
    exports = Export.objects.filter(environment=access.environment).select_related("environment", "connection")
    to_run: list[Export] = []
    left_out: dict[str, list[str]] = {}
    for export in exports.order_by("name"):
        reason = _why_not(export, access)
        if reason:
            left_out.setdefault(reason, []).append(export.name)
        else:
            to_run.append(export)
    return RunAllPlan(to_run, [LeftOut(reason, names) for reason, names in left_out.items()])


def _why_not(export: Export, access: Access) -> str:
    if not export.is_editable_by(access):
        return _("You can only view them")
    if export.connection_id is None:
        return _("No connection")
    if export.schedule_mode == ScheduleMode.OFF:
        return _("Schedule is off")
    if export.last_state in ACTIVE:
        return _("Running or waiting already")
    return ""
