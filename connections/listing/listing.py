"""The list of connections: search and sort in the database, a constant number of queries."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, F, IntegerField, OrderBy, Value, When
from django.db.models.functions import Coalesce, Concat, Lower, NullIf, Trim
from django.http import QueryDict

from connections.destinations.registry import destinations
from connections.models import Connection, ConnectionQuerySet, Sharing
from connections.sharing.sharing import with_people
from roles.access.policy import Access
from roles.permissions import Permission
from roles.searching import Folded, search_of

PAGE_SIZE = 50
OPEN_SORTS = ("name", "type")  # of what everybody may see
# What a connection's row needs for those who see names and types alone: nothing else leaves the database.
OPEN_FIELDS = ("name", "type", "environment")


@dataclass(frozen=True)
class ConnectionListing:
    """One page of the list with its search and sort."""

    page: Page[Connection]
    search: str
    sort: str

    @property
    def found(self) -> int:
        """How many connections the search leaves."""
        return self.page.paginator.count


def list_connections(access: Access, query: QueryDict) -> ConnectionListing:
    """Return the page that the URL's `query` (q, sort, page) asks for; most people get names and types only."""
    is_manager = access.has_permission(Permission.MANAGE_CONNECTIONS)
    search = search_of(query)
    sort = query.get("sort", "name")
    if sort.removeprefix("-") not in (SORTS if is_manager else OPEN_SORTS):
        sort = "name"
    connections = Connection.objects.filter(environment=access.environment)
    found = sorted_by(_searched(connections, search) if is_manager else connections.search(search), sort)
    found = _for_managers(found, access) if is_manager else found.only(*OPEN_FIELDS)
    return ConnectionListing(Paginator(found, PAGE_SIZE).get_page(query.get("page")), search, sort)


def sorted_by(connections: ConnectionQuerySet, sort: str) -> ConnectionQuerySet:
    """Sort by one column, "-" before it for the other way round; ties by name."""
    key = sort.removeprefix("-")
    if key == "exports":
        connections = connections.annotate(export_count=Count("exports"))
    expression = SORTS[key]() if callable(SORTS[key]) else SORTS[key]
    order = OrderBy(expression, descending=sort.startswith("-"), nulls_last=True)
    return connections.order_by(order, Folded("name"), "pk")


def _searched(connections: ConnectionQuerySet, text: str) -> ConnectionQuerySet:
    """Return those whose name, type or creator matches."""
    if not text:
        return connections
    with_creator = connections.alias(creator_name=_creator())
    return with_creator.search(text) | with_creator.filter(creator_name__holds=text)


def _for_managers(connections: ConnectionQuerySet, access: Access) -> ConnectionQuerySet:
    counted = connections.select_related("created_by").annotate(export_count=Count("exports"))
    return with_people(counted, access.environment)


def _type_label() -> Case:
    """The type's label, which the database does not know."""
    whens = [When(type=slug, then=Value(str(type_.label).lower())) for slug, type_ in destinations().items()]
    return Case(*whens, default=Lower("type"))


def _creator() -> Folded:
    """The name of whoever created it, as people see it."""
    full = Trim(Concat("created_by__first_name", Value(" "), "created_by__last_name"))
    return Folded(Coalesce(NullIf(full, Value("")), "created_by__username"))


def _openness() -> Case:
    whens = [When(sharing=kind, then=Value(rank)) for rank, kind in enumerate((Sharing.NOBODY, Sharing.NAMED))]
    return Case(*whens, default=Value(len(whens)), output_field=IntegerField())


SORTS: dict[str, Any] = {
    "name": Folded("name"),
    "type": _type_label,
    "sharing": _openness,
    "exports": F("export_count"),
    "created": F("created_at"),
    "creator": _creator,
    "checked": F("checked_at"),
}
