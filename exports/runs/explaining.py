"""Why queued runs wait that wait for no refresh: the environment is paused, or their connection takes no more now."""

from typing import Any

from django.db.models import Count
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from exports.models import Run
from exports.models.states import State
from exports.runs import budget

MOST_TOLD = 500  # runs of one place in one look: what is due meanwhile must not wait for this
PLACE = ("environment", "export__connection", "reason")
SEEN = (*PLACE, "environment__paused_at", "export__connection__name")


def explain_waits() -> None:
    """Keep the reason of queued runs true; of very many with the same one, some at each look."""
    waiting = Run.objects.filter(state=State.QUEUED, waits_for="", not_before__lte=Now()).order_by("not_before", "pk")
    found = list(waiting.order_by().values(*SEEN).annotate(Count("pk")))
    full = set(budget.full()) if found else set()
    for group in found:
        reason = _reason(group, full)
        if reason != group["reason"]:
            told = waiting.filter(**{name: group[name] for name in PLACE})[:MOST_TOLD]
            waiting.filter(pk__in=told.values("pk")).update(reason=reason)


def paused() -> str:
    """Return the words behind the status of a run in a paused environment."""
    return _("the environment is paused")


def _reason(group: dict[str, Any], full: set[int]) -> str:
    """Return the reason that the runs of a group have now; theirs, where it is none of those here."""
    others = _("waiting for other exports of “%(name)s”") % {"name": group["export__connection__name"]}
    if group["environment__paused_at"]:
        return paused()
    if group["export__connection"] in full:
        return others
    return "" if group["reason"] in (paused(), others) else str(group["reason"])
