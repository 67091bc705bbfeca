"""Explains why queued runs wait: the environment is paused, or their connection takes no more runs now or is silent."""

from typing import Any

from django.db.models import Count
from django.db.models.functions import Now

from connections import answering
from exports.models import ReasonCode, Run
from exports.models.states import State
from exports.runs import budget
from roles.messages import EMPTY, Message
from roles.messages import said as _

MOST_TOLD = 500  # runs of one place in one look: what is due meanwhile must not wait for this
PLACE = ("environment", "export__connection", "reason_code", "reason")
SEEN = (*PLACE, "environment__paused_at", "export__connection__name")
OURS = (ReasonCode.PAUSED, ReasonCode.NO_ROOM, ReasonCode.SILENT)


def explain_waits() -> None:
    """Update the reasons of queued runs, of very many only some at each call."""
    waiting = Run.objects.filter(state=State.QUEUED, waits_for="", not_before__lte=Now()).order_by("not_before", "pk")
    found = list(waiting.order_by().values(*SEEN).annotate(Count("pk")))
    full, silent = (budget.full(), budget.silent()) if found else (set(), set())
    for group in found:
        code, reason = _reason(group, full, silent)
        if (code, reason) != (group["reason_code"], group["reason"]):
            told = waiting.filter(**{name: group[name] for name in PLACE})[:MOST_TOLD]
            waiting.filter(pk__in=told.values("pk")).update(reason_code=code, reason=reason)


def _reason(group: dict[str, Any], full: set[int], silent: set[int]) -> tuple[str, Message]:
    """Return the reason that the runs of a group have now, with its code; theirs, where it is none of those here."""
    if group["environment__paused_at"]:
        return ReasonCode.PAUSED, _("the environment is paused")
    if group["export__connection"] in full & silent:
        return ReasonCode.SILENT, answering.words_for(group["export__connection__name"])
    if group["export__connection"] in full:
        others = _("waiting for other exports of “%(name)s”") % {"name": group["export__connection__name"]}
        return ReasonCode.NO_ROOM, others
    return ("", EMPTY) if group["reason_code"] in OURS else (group["reason_code"], group["reason"])
