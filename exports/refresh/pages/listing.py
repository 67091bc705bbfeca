"""Settings > System > Status: tables, segments and exports in one list, found, filtered and sorted by the database.

What each stands for is said with the states of runs, so that one filter fits all: a table or segment that has not
been refreshed has none (""), one that waits in a system refresh is queued.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    IntegerField,
    OrderBy,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from exports.models import Export, PartKind, PartState, RefreshPart
from exports.models.states import Look, State
from exports.shown.status import FAILED_ANY_LOOK, STATUS_ORDER, UNITED, chips_of, states_of
from exports.shown.status import LOOKS as RUN_LOOKS
from roles.models import Environment
from roles.searching import Folded, search_of
from segments.models import Segment, SegmentStatus, Table

PAGE_SIZE = 50
SORTS = {"name": "sort_name", "kind": "kind_rank", "status": "status_rank", "updated": "updated"}
KIND_LABELS = {PartKind.TABLE: _("Tables"), PartKind.SEGMENT: _("Segments"), PartKind.EXPORT: _("Exports")}
RANKS = {kind: rank for rank, kind in enumerate(KIND_LABELS)}
COLUMNS = ("part_kind", "object_id", "sort_name", "kind_rank", "status_rank", "updated")
Key = tuple[str, int]  # kind and id
# The states of runs as they fit tables and segments, too.
LOOKS: dict[str, Look] = RUN_LOOKS | {State.FAILED: FAILED_ANY_LOOK}


@dataclass(frozen=True)
class StatusListing:
    """One page of the list, as keys in order, with what was asked for; `counts` are by kind and status."""

    page: Page[Any]
    search: str
    kind: str
    status: str
    sort: str
    counts: Counter[tuple[str, str]]

    @property
    def keys(self) -> list[Key]:
        """What the page shows."""
        return [(row["part_kind"], row["object_id"]) for row in self.page]

    @property
    def all(self) -> int:
        """How many there are of everything."""
        return sum(self.counts.values())

    @property
    def found(self) -> int:
        """How many the search and the filters leave."""
        return self.page.paginator.count

    @property
    def is_filtered(self) -> bool:
        """Whether a search or filter hides some."""
        return bool(self.search or self.kind or self.status)

    @property
    def kinds(self) -> list[tuple[str, Any, int]]:
        """The kinds to choose from: value, label, how many."""
        return [
            (kind.value, label, sum(n for (of, _status), n in self.counts.items() if of == kind))
            for kind, label in KIND_LABELS.items()
        ]

    @property
    def statuses(self) -> list[dict[str, Any]]:
        """The statuses that occur, what needs somebody first."""
        counts: Counter[str] = Counter()
        for (kind, status), count in self.counts.items():
            if not self.kind or self.kind == kind:
                counts[status] += count
        return chips_of(counts, self.status, LOOKS)


def list_all(environment: Environment, query: QueryDict) -> StatusListing:
    """Return the page of tables, segments and exports that the URL's `query` (q, kind, status, sort, page) asks for."""
    search = search_of(query)
    kind = query.get("kind", "") if query.get("kind") in PartKind.values else ""
    status = query.get("status", "") if query.get("status") in {*State.values, *UNITED} else ""
    sort = query.get("sort", "kind") if query.get("sort", "").lstrip("-") in SORTS else "kind"
    sources = _sources(environment)
    counts: Counter[tuple[str, str]] = Counter()
    for name, source in sources.items():
        for state, count in source.order_by().values_list("state").annotate(Count("pk")):
            counts[name, state] += count
    chosen = [_matching(source, search, status) for name, source in sources.items() if not kind or kind == name]
    found = _united(chosen).order_by(*_order(sort))
    return StatusListing(Paginator(found, PAGE_SIZE).get_page(query.get("page")), search, kind, status, sort, counts)


def _order(sort: str) -> list[OrderBy]:
    first = OrderBy(F(SORTS[sort.lstrip("-")]), descending=sort.startswith("-"), nulls_last=True)
    return [first, OrderBy(F("kind_rank")), OrderBy(F("sort_name")), OrderBy(F("object_id"))]


def _united(sources: list[QuerySet[Any]]) -> QuerySet[Any]:
    first, *others = [source.values(*COLUMNS) for source in sources]
    return first.union(*others, all=True) if others else first


def _matching(source: QuerySet[Any], search: str, status: str) -> QuerySet[Any]:
    if search:
        source = source.filter(name__holds=search)
    return source.filter(state__in=states_of(status)) if status else source


def _sources(environment: Environment) -> dict[str, QuerySet[Any]]:
    """Everything of the environment by kind, with its status and when it was last updated."""
    return {
        PartKind.TABLE.value: tables_of(environment),
        PartKind.SEGMENT.value: segments_of(environment),
        PartKind.EXPORT.value: exports_of(environment),
    }


def tables_of(environment: Environment) -> QuerySet[Any]:
    """The tables with their status: a failure to read one is over once it is read in again."""
    is_newer = Q(part_at__gte=F("refreshed_at")) | Q(refreshed_at=None)
    bad = {PartState.FAILED: State.FAILED, PartState.WARNED: State.WARNED}
    whens = [When(Q(part_state=part) & is_newer, then=Value(state.value)) for part, state in bad.items()]
    found = _with_part(Table.objects.filter(environment=environment), PartKind.TABLE)
    return _described(found, PartKind.TABLE, [*_under_way(), *whens], F("refreshed_at"))


def segments_of(environment: Environment) -> QuerySet[Any]:
    """The segments with their status: one that was skipped is so until it is refreshed."""
    is_newer = Q(part_at__gte=F("refreshed_at")) | Q(refreshed_at=None)
    whens = [
        When(status=SegmentStatus.REFRESHING, then=Value(State.RUNNING.value)),
        *_under_way(),
        When(status=SegmentStatus.FAILED, then=Value(State.FAILED.value)),
        When(Q(part_state=PartState.SKIPPED) & is_newer, then=Value(State.SKIPPED.value)),
    ]
    found = _with_part(Segment.objects.filter(environment=environment), PartKind.SEGMENT)
    return _described(found, PartKind.SEGMENT, whens, F("refreshed_at"))


def exports_of(environment: Environment) -> QuerySet[Any]:
    """The exports with the state of their last run."""
    found = Export.objects.filter(environment=environment)
    return _ranked(found.annotate(updated=F("delivered_at")), PartKind.EXPORT, F("last_state"))


def _with_part(found: QuerySet[Any], kind: PartKind) -> QuerySet[Any]:
    """Add the state and the end of each one's last part in a system refresh."""
    parts = telling(RefreshPart.objects.filter(kind=kind, object_id=OuterRef("pk"))).order_by("-id")
    return found.annotate(
        part_state=Subquery(parts.values("state")[:1]), part_at=Subquery(parts.values("ended_at")[:1])
    )


def telling(parts: QuerySet[RefreshPart]) -> QuerySet[RefreshPart]:
    """Leave out those that were canceled: how something stands is what the one before said."""
    return parts.exclude(state=PartState.CANCELED)


def _under_way() -> list[When]:
    return [
        When(part_state=PartState.WAITING, then=Value(State.QUEUED.value)),
        When(part_state=PartState.RUNNING, then=Value(State.RUNNING.value)),
    ]


def _described(found: QuerySet[Any], kind: PartKind, whens: list[When], updated: F) -> QuerySet[Any]:
    never = When(refreshed_at=None, then=Value(""))
    status = Case(*whens, never, default=Value(State.SUCCEEDED.value), output_field=CharField())
    return _ranked(found.annotate(updated=updated), kind, status)


def _ranked(found: QuerySet[Any], kind: PartKind, status: Any) -> QuerySet[Any]:
    """Add what the list sorts and filters by: among it `state`, which is `status`."""
    ranks = [When(state=state.value, then=Value(rank)) for rank, state in enumerate(STATUS_ORDER)]
    return found.annotate(
        state=status,
        part_kind=Value(kind.value, output_field=CharField()),
        object_id=F("pk"),
        sort_name=Folded("name"),
        kind_rank=Value(RANKS[kind], output_field=IntegerField()),
        status_rank=Case(*ranks, default=Value(len(STATUS_ORDER)), output_field=IntegerField()),
    )
