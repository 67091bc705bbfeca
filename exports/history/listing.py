"""Pages of a history. Sorted by time, each page begins where the one before it ended, without an offset."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Case, F, Q, When
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual
from django.http import QueryDict

from exports.models import MOMENT, Run, RunQuerySet
from exports.models.states import DELIVERED, State
from roles.models import Environment
from roles.typed import typed_id

PAGE_SIZE = 50
MOST_COUNTED = 1000
MOST_RANKED = 10_000  # of so many newest runs the longest, say, are found
NEWEST_FIRST, OLDEST_FIRST = "-when", "when"
RANKS: dict[str, Any] = {
    "rows": Case(When(state__in=[*DELIVERED, State.RUNNING], then=F("rows_done"))),
    "duration": F("ended_at") - F("started_at"),
}
# What a row, or a line of the file, shows: what else a run holds is much longer than this.
SHOWN = (
    "uuid", "environment_id", "export__name", "state", "trigger", "due", "queued_at", "not_before", "started_at",
    "ended_at", "is_late", "data_as_of", "claims", "tries", "cancel_requested_at", "most_rows", "rows_total",
    "rows_done", "unit", "bytes_done", "reason", "reason_code", "message", "triggered_by__username",
    "triggered_by__first_name", "triggered_by__last_name",
)  # fmt: skip


class PageLink(NamedTuple):
    """Where a neighbouring page begins, as parameters of its address."""

    after: int | None = None
    before: int | None = None
    page: int | None = None


@dataclass(frozen=True)
class Page:
    """Some runs in the order asked for, with links to the pages before and after them, None where there is none."""

    runs: list[Run]
    sort: str
    previous: PageLink | None = None
    next: PageLink | None = None


def page_of(environment: Environment, found: RunQuerySet, query: QueryDict) -> Page:
    """Return the page that the query's sort, before, after (ids of runs) or page asks for."""
    sort = query.get("sort", "")
    if sort.lstrip("-") in RANKS:
        return _ranked(found, sort, query)
    before, after = (_anchor(environment, query.get(name, "")) for name in ("before", "after"))
    return _by_time(found, OLDEST_FIRST if sort == OLDEST_FIRST else NEWEST_FIRST, before, after)


def count_of(found: RunQuerySet) -> int:
    """Return how many runs there are, MOST_COUNTED + 1 at most."""
    return newest_first(found)[: MOST_COUNTED + 1].values("pk").count()


def in_batches(found: RunQuerySet, names: Sequence[str], size: int = 2000) -> Iterator[list[Any]]:
    """Yield all of `found`, newest first, as tuples of the fields `names`, at most `size` of them in memory.

    The names include pk, due and queued_at, from which the next batch goes on.
    """
    batch = list(newest_first(found).values_list(*names, named=True)[:size])
    while batch:
        yield batch
        onward = newest_first(_beyond(found, batch[-1], is_falling=True))
        batch = list(onward.values_list(*names, named=True)[:size])


def _by_time(found: RunQuerySet, sort: str, before: Run | None, after: Run | None) -> Page:
    is_falling, shown = sort == NEWEST_FIRST, _shown(found)
    if before:
        back = _in_order(_beyond(shown, before, is_falling=not is_falling), is_falling=not is_falling)
        runs = list(back[: PAGE_SIZE + 1])
        has_more, runs = len(runs) > PAGE_SIZE, runs[:PAGE_SIZE][::-1]
        return Page(runs, sort, _before(runs) if has_more else None, _after(runs))
    onward = _beyond(shown, after, is_falling=is_falling) if after else shown
    runs = list(_in_order(onward, is_falling=is_falling)[: PAGE_SIZE + 1])
    has_more, runs = len(runs) > PAGE_SIZE, runs[:PAGE_SIZE]
    return Page(runs, sort, _before(runs) if after else None, _after(runs) if has_more else None)


def _ranked(found: RunQuerySet, sort: str, query: QueryDict) -> Page:
    """Return a page by another column, of the MOST_RANKED newest that were found."""
    number = min(max(1, typed_id(query.get("page"))), math.ceil(MOST_RANKED / PAGE_SIZE))
    newest = newest_first(found).values("pk")[:MOST_RANKED]
    rank: Any = RANKS[sort.lstrip("-")]
    order = rank.desc(nulls_last=True) if sort.startswith("-") else rank.asc(nulls_last=True)
    first = (number - 1) * PAGE_SIZE
    runs = list(_shown(Run.objects.filter(pk__in=newest)).order_by(order, "-pk")[first : first + PAGE_SIZE + 1])
    onward = PageLink(page=number + 1) if len(runs) > PAGE_SIZE else None
    return Page(runs[:PAGE_SIZE], sort, PageLink(page=number - 1) if number > 1 else None, onward)


def _shown(found: RunQuerySet) -> RunQuerySet:
    return found.select_related("export", "triggered_by").only(*SHOWN)


def newest_first(found: RunQuerySet) -> RunQuerySet:
    """Sort runs by their moment (due, else queued), newest first."""
    return found.order_by(MOMENT.desc(), "-pk")


def _in_order(found: RunQuerySet, *, is_falling: bool) -> RunQuerySet:
    return newest_first(found) if is_falling else found.order_by(MOMENT.asc(), "pk")


def _beyond(found: RunQuerySet, anchor: Any, *, is_falling: bool) -> RunQuerySet:
    """The runs that come after the anchor in that order."""
    # The first condition parts runs of the same moment, the second finds the place in the index.
    moment = anchor.due or anchor.queued_at
    if is_falling:
        return found.filter(Q(LessThan(MOMENT, moment)) | Q(pk__lt=anchor.pk), LessThanOrEqual(MOMENT, moment))
    return found.filter(Q(GreaterThan(MOMENT, moment)) | Q(pk__gt=anchor.pk), GreaterThanOrEqual(MOMENT, moment))


def _anchor(environment: Environment, pk: str) -> Run | None:
    """Return the run to go on from, also where it no longer is among those found: its state changes, say."""
    mine = Run.objects.filter(environment=environment, pk=typed_id(pk))
    return mine.only("due", "queued_at").first() if pk else None


def _before(runs: list[Run]) -> PageLink | None:
    return PageLink(before=runs[0].pk) if runs else None


def _after(runs: list[Run]) -> PageLink | None:
    return PageLink(after=runs[-1].pk) if runs else None
