"""The list of people: search, filter and sort in the database, a constant number of queries."""

from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, Exists, F, OrderBy, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Concat, Lower, NullIf, Trim
from django.http import QueryDict

from roles.access.policy import Access
from roles.models import Environment, RoleAssignment
from roles.roles import Role, rank
from roles.searching import Folded, search_of

PAGE_SIZE = 50
FULL_NAME = Trim(Concat("user__first_name", Value(" "), "user__last_name"))
SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
SORTS: dict[str, Any] = {
    "name": Folded("shown_name"),
    "username": Folded("user__username"),
    "email": Lower(NullIf("user__email", Value(""))),
    "role": F("rank"),
    "origin": Folded("group"),
    "signed_in": F("user__last_login"),
    "second_factor": F("has_second_factor"),
}


@dataclass(frozen=True)
class Filter:
    """A role to show alone, with how many have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True)
class PeopleListing:
    """One page of the list with its search, filters and sort."""

    page: Page[RoleAssignment]
    search: str
    role: str
    sort: str
    filters: list[Filter]

    @property
    def all(self) -> int:
        """How many people the environment has."""
        return sum(one.count for one in self.filters)

    @property
    def is_filtered(self) -> bool:
        """Whether a search or filter hides some people."""
        return bool(self.search or self.role)


def list_people(access: Access, query: QueryDict) -> PeopleListing:
    """Return the page that the URL's `query` (q, role, sort, page) asks for."""
    search = search_of(query)
    sort, role = query.get("sort", "name"), query.get("role", "")
    sort = sort if sort.lstrip("-") in SORTS else "name"
    role = role if role in Role.values else ""
    found = _search(_people(access.environment), search)
    found = found.filter(role=role) if role else found
    order = OrderBy(SORTS[sort.lstrip("-")], descending=sort.startswith("-"), nulls_last=True)
    page = Paginator(found.order_by(order, "pk"), PAGE_SIZE).get_page(query.get("page"))
    return PeopleListing(page, search, role, sort, _filters(access.environment))


def _people(environment: Environment) -> QuerySet[RoleAssignment]:
    """The people of an environment with what the list shows of them."""
    factors = Authenticator.objects.filter(user=OuterRef("user"), type__in=SECOND_FACTORS)
    ranks = Case(*(When(role=role, then=Value(rank(role))) for role in Role.values))
    people = RoleAssignment.objects.filter(environment=environment).select_related("user")
    shown_name = Coalesce(NullIf(FULL_NAME, Value("")), "user__username")
    return people.annotate(shown_name=shown_name, rank=ranks, has_second_factor=Exists(factors))


def _search(people: QuerySet[RoleAssignment], text: str) -> QuerySet[RoleAssignment]:
    if not text:
        return people
    return people.filter(Q(shown_name__holds=text) | Q(user__username__holds=text) | Q(user__email__holds=text))


def _filters(environment: Environment) -> list[Filter]:
    counted = RoleAssignment.objects.filter(environment=environment).values_list("role")
    counts = dict(counted.annotate(Count("pk")).order_by())
    return [Filter(role.value, str(role.label), counts.get(role.value, 0)) for role in Role]
