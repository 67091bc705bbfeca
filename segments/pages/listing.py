"""The lists of tables and segments: search and sort in the database, a constant number of queries."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Model, OrderBy, Q, QuerySet
from django.http import QueryDict

from roles.kinds import PROFILE_KINDS, Audience, ProfileKind
from roles.models import Environment
from roles.searching import Folded, search_of
from segments.models import Segment, Table

PAGE_SIZE = 50
TABLE_SORTS: dict[str, Any] = {
    "name": Folded("name"),
    "kind": F("profile_kind"),
    "rows": F("row_count"),
    "fields": F("field_count"),
    "refreshed": F("refreshed_at"),
}
SEGMENT_SORTS: dict[str, Any] = {
    "name": Folded("name"),
    "table": Folded("table__name"),
    "kind": F("table__profile_kind"),
    "members": F("member_count"),
    "status": F("status"),
    "refreshed": F("refreshed_at"),
}
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class DataListing(Generic[M]):
    """One page of a list with its search, filter and sort."""

    page: Page[M]
    search: str
    sort: str
    kind: str = ""

    @property
    def is_filtered(self) -> bool:
        """Whether a search or filter hides some."""
        return bool(self.search or self.kind)


def list_tables(environment: Environment, query: QueryDict) -> DataListing[Table]:
    """Return the page of tables that the URL's `query` (q, sort, page) asks for."""
    tables = environment.tables.annotate(field_count=Count("fields"))
    return _listing(tables, query, TABLE_SORTS, lambda text: Q(name__holds=text))


def list_segments(environment: Environment, query: QueryDict) -> DataListing[Segment]:
    """Return the page of segments that the URL's `query` (q, kind, sort, page) asks for."""
    kind = query.get("kind", "") if query.get("kind") in ProfileKind.values else ""
    segments = environment.segments.select_related("table")
    return _listing(
        segments.filter(table__profile_kind=kind) if kind else segments,
        query,
        SEGMENT_SORTS,
        lambda text: Q(name__holds=text) | Q(table__name__holds=text) | Q(description__holds=text),
        kind,
    )


def kinds_of(environment: Environment) -> list[tuple[str, str, int]]:
    """Return what the environment's segments list, as (kind, its name, how many); empty where there is one kind."""
    if environment.audience != Audience.BUSINESSES:
        return []
    kinds = PROFILE_KINDS[Audience.BUSINESSES]
    found = environment.segments.order_by().values_list("table__profile_kind").annotate(Count("pk"))
    counts: dict[str, int] = dict(found)
    return [(kind.value, str(kind.label), counts.get(kind, 0)) for kind in kinds]


def _listing(
    found: QuerySet[M], query: QueryDict, sorts: dict[str, Any], matching: Any, kind: str = ""
) -> DataListing[M]:
    search = search_of(query)
    sort = query.get("sort", "name")
    if sort.removeprefix("-") not in sorts:
        sort = "name"
    if search:
        found = found.filter(matching(search))
    order = OrderBy(sorts[sort.removeprefix("-")], descending=sort.startswith("-"), nulls_last=True)
    page = Paginator(found.order_by(order, "pk"), PAGE_SIZE).get_page(query.get("page"))
    return DataListing(page, search, sort, kind)
