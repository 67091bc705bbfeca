"""The lists of tables and segments: search and sort in the database, a constant number of queries."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Model, OrderBy, Q, QuerySet
from django.db.models.functions import Lower
from django.http import QueryDict

from roles.models import Environment
from segments.models import Segment, Table

PAGE_SIZE = 50
LONGEST_SEARCH = 200
TABLE_SORTS: dict[str, Any] = {
    "name": Lower("name"),
    "kind": F("profile_kind"),
    "rows": F("row_count"),
    "fields": F("field_count"),
    "refreshed": F("refreshed_at"),
}
SEGMENT_SORTS: dict[str, Any] = {
    "name": Lower("name"),
    "table": Lower("table__name"),
    "members": F("member_count"),
    "status": F("status"),
    "refreshed": F("refreshed_at"),
}
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Listing(Generic[M]):
    """One page of a list with what was asked for."""

    page: Page[M]
    search: str
    sort: str


def list_tables(environment: Environment, query: QueryDict) -> Listing[Table]:
    """Return the page of tables that the URL's `query` (q, sort, page) asks for."""
    tables = environment.tables.annotate(field_count=Count("fields"))
    return _listing(tables, query, TABLE_SORTS, lambda text: Q(name__icontains=text))


def list_segments(environment: Environment, query: QueryDict) -> Listing[Segment]:
    """Return the page of segments that the URL's `query` (q, sort, page) asks for."""
    return _listing(
        environment.segments.select_related("table"),
        query,
        SEGMENT_SORTS,
        lambda text: Q(name__icontains=text) | Q(table__name__icontains=text) | Q(description__icontains=text),
    )


def _listing(found: QuerySet[M], query: QueryDict, sorts: dict[str, Any], matching: Any) -> Listing[M]:
    search = query.get("q", "").replace("\0", "")[:LONGEST_SEARCH].strip()
    sort = query.get("sort", "name")
    if sort.removeprefix("-") not in sorts:
        sort = "name"
    if search:
        found = found.filter(matching(search))
    order = OrderBy(sorts[sort.removeprefix("-")], descending=sort.startswith("-"), nulls_last=True)
    return Listing(Paginator(found.order_by(order, "pk"), PAGE_SIZE).get_page(query.get("page")), search, sort)
