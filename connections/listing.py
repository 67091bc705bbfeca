"""The list of connections: search and sort in the database, a constant number of queries."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, OrderBy
from django.db.models.functions import Lower
from django.http import QueryDict

from connections.models import Connection
from roles.access import Access
from roles.permissions import Permission

PAGE_SIZE = 50
LONGEST_SEARCH = 200
SORTS: dict[str, Any] = {
    "name": Lower("name"),
    "type": F("type"),
    "sharing": F("sharing"),
    "exports": F("export_count"),
    "created": F("created_at"),
    "checked": F("checked_at"),
}
OPEN_SORTS = ("name", "type")  # of what everybody may see


@dataclass(frozen=True)
class Listing:
    """One page of the list with what was asked for."""

    page: Page[Connection]
    search: str
    sort: str


def list_connections(access: Access, query: QueryDict) -> Listing:
    """Return the page that the URL's `query` (q, sort, page) asks for; most people get names and types only."""
    is_manager = access.has_permission(Permission.MANAGE_CONNECTIONS)
    search = query.get("q", "").replace("\0", "")[:LONGEST_SEARCH].strip()
    sort = query.get("sort", "name")
    if sort.lstrip("-") not in (SORTS if is_manager else OPEN_SORTS):
        sort = "name"
    found = Connection.objects.filter(environment=access.environment).search(search)
    found = found.select_related("created_by") if is_manager else found.only("name", "type", "environment")
    found = found.annotate(export_count=Count("exports")) if is_manager else found
    is_falling = sort.startswith("-")
    order = OrderBy(SORTS[sort.lstrip("-")], descending=is_falling, nulls_last=True)
    return Listing(Paginator(found.order_by(order, "pk"), PAGE_SIZE).get_page(query.get("page")), search, sort)
