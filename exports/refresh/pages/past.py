"""The history of system refreshes and their parts."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Case, Count, QuerySet, Value, When
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import PartKind, PartState, RefreshPart, SystemRefresh
from exports.models.states import Look
from exports.refresh.pages.items import ICONS, seconds_of
from exports.refresh.pages.workflow import LOOKS, PART_LOOKS, Workflow, counts_of, started_by
from roles.ui.words import exact_time

LAST = 12
PARTS = 50  # on a page of a panel
# What somebody wants to see first.
ORDER = ("failed", "running", "warned", "skipped", "canceled", "waiting", "done")


@dataclass(frozen=True)
class RefreshEntry:
    """One system refresh in the list."""

    refresh: SystemRefresh
    parts: str
    trouble: str

    @property
    def look(self) -> Look:
        """How its state is shown."""
        return LOOKS[self.refresh.state]

    @property
    def started_by(self) -> str:
        """Who or what started it."""
        return started_by(self.refresh)

    @property
    def seconds(self) -> float | None:
        """How long it took, or has taken so far."""
        return seconds_of_refresh(self.refresh)


@dataclass(frozen=True)
class PastRefresh:
    """One time that something was refreshed with the system."""

    part: RefreshPart

    @property
    def look(self) -> Look:
        """How its state is shown; of an export that of its run, which may have gone on since."""
        run = self.part.run
        return run.look if run and self.part.kind == PartKind.EXPORT else PART_LOOKS[self.part.state]

    @property
    def message(self) -> str:
        """What is said of it."""
        run = self.part.run
        return run.message or run.reason if run and run.ended_at else self.part.message

    @property
    def icon(self) -> str:
        """The icon of its kind."""
        return ICONS[PartKind(self.part.kind)]

    @property
    def seconds(self) -> float | None:
        """How long it took."""
        return seconds_of(self.part)

    @property
    def started_by(self) -> str:
        """Who or what started the refresh that it was part of."""
        return started_by(self.part.refresh)

    @property
    def run_url(self) -> str:
        """Where its run is told of, "" where it had none."""
        run = self.part.run
        if run is None:
            return ""
        kwargs = {"environment": run.environment.slug, "pk": run.export_id, "uuid": run.uuid}
        return reverse("exports:run_progress", kwargs=kwargs)


def past_refreshes(parts: QuerySet[RefreshPart]) -> list[PastRefresh]:
    """Return the last of `parts`, the newest first."""
    last = parts.select_related("refresh__triggered_by", "run__environment").order_by("-id")[:LAST]
    return [PastRefresh(part) for part in last]


def refresh_entries(refreshes: list[SystemRefresh]) -> list[RefreshEntry]:
    """Return the refreshes with the counts of their parts, in one query more."""
    parts = RefreshPart.objects.filter(refresh__in=refreshes).order_by()
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for refresh, state, count in parts.values_list("refresh", "state").annotate(Count("pk")):
        counts[refresh][state] = count
    return [_entry(refresh, counts[refresh.pk]) for refresh in refreshes]


def panel_context(refresh: SystemRefresh, page: str | None) -> dict[str, Any]:
    """Return what the panel of one refresh shows: how far it is and a page of its parts, trouble first."""
    ranks = [When(state=state, then=Value(rank)) for rank, state in enumerate(ORDER)]
    parts = refresh.parts.annotate(rank=Case(*ranks, default=Value(len(ORDER)))).order_by("rank", "position")
    found = Paginator(parts.select_related("run__environment", "refresh"), PARTS).get_page(page)
    return {
        "refresh": refresh,
        "subtitle": exact_time(refresh.queued_at),
        "workflow": Workflow(refresh, counts_of(refresh), None, is_scheduled=False),
        "page": found,
        "parts": [PastRefresh(part) for part in found],
        "seconds": seconds_of_refresh(refresh),
    }


def seconds_of_refresh(refresh: SystemRefresh) -> float | None:
    """How long it took, or has taken so far; None for one that never started."""
    if refresh.started_at is None:
        return None
    return ((refresh.ended_at or timezone.now()) - refresh.started_at).total_seconds()


def _entry(refresh: SystemRefresh, counts: Counter[str]) -> RefreshEntry:
    total = sum(counts.values())
    good = counts[PartState.DONE] + counts[PartState.WARNED]
    words = _("%(good)d of %(all)d") % {"good": good, "all": total} if total else ""
    bad = {PartState.FAILED: _("%(n)d failed"), PartState.SKIPPED: _("%(n)d skipped")}
    trouble = " · ".join(text % {"n": counts[state]} for state, text in bad.items() if counts[state])
    return RefreshEntry(refresh, words, trouble if trouble != refresh.reason else "")
