"""The list of exports: search, filter and sort in the database, a constant number of queries."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, F, IntegerField, OrderBy, Q, QuerySet, Value, When
from django.http import QueryDict
from django.utils.translation import gettext as _

from connections.destinations.registry import destinations
from exports.models import Export, Repeat, ScheduleMode, may_edit
from exports.models.states import DELIVERED, STATES, State
from exports.shown.exports import ExportFacts, export_facts, rows_of
from exports.shown.status import FAILED_ANY, NEEDS_SOMEBODY, STATUS_ORDER, UNITED, chips_of, count_of, states_of
from roles.access.policy import Access
from roles.models import Environment
from roles.permissions import Permission
from roles.searching import Folded, fold, search_of

PAGE_SIZE = 50
MOVING = (State.QUEUED, State.RUNNING)


@dataclass(frozen=True)
class ExportListing:
    """One page of the list with what was asked for."""

    environment: Environment
    page: Page[Any]
    search: str
    status: str
    sort: str
    counts: dict[str, int]
    needs: int  # of those that the user may edit, how many wait for a person
    failed: int  # told to those who may edit none

    @cached_property
    def exports(self) -> list[ExportFacts]:
        """The exports on the page, queried when first needed."""
        return export_facts(self.page.object_list, self.environment)

    @property
    def is_filtered(self) -> bool:
        """Whether a search or filter hides exports."""
        return bool(self.search or self.status)

    @property
    def found(self) -> int:
        """How many exports the search and the filter leave."""
        return self.page.paginator.count

    @property
    def all(self) -> int:
        """How many exports the environment has."""
        return sum(self.counts.values())

    @property
    def active(self) -> int:
        """How many wait or run now."""
        return sum(self.counts.get(state, 0) for state in MOVING)

    @property
    def filters(self) -> list[dict[str, Any]]:
        """The statuses to choose from, with their counts."""
        return chips_of(self.counts, self.status)


def list_exports(access: Access, query: QueryDict) -> ExportListing:
    """Return the page of exports that the URL's `query` (q, status, sort, page) asks for, with two queries."""
    search = search_of(query)
    status = query.get("status", "") if query.get("status") in {*STATES, *UNITED} else ""
    sort = query.get("sort", "name") if query.get("sort", "").lstrip("-") in SORTS else "name"
    exports = Export.objects.filter(environment=access.environment)
    called = Q() if not search else called_like(search)
    tally = tally_of(exports, access, called)
    found = sorted_by(with_status(exports.filter(called), status), sort, access)
    paginator = Paginator(rows_of(found, access), PAGE_SIZE)
    paginator.count = count_of(tally.called, status) if status else sum(tally.called.values())
    failed = 0 if access.has_permission(Permission.EDIT_EXPORTS) else count_of(tally.all, FAILED_ANY)
    page = paginator.get_page(query.get("page"))
    return ExportListing(access.environment, page, search, status, sort, tally.all, tally.needs, failed)


@dataclass(frozen=True)
class Tally:
    """How many exports there are by the state of their last run, "" for those never run; how many a search finds."""

    all: dict[str, int]
    called: dict[str, int]
    needs: int


def tally_of(exports: QuerySet[Export], access: Access, called: Q) -> Tally:
    """Count all exports, those that `called` matches, and those that wait for this user, in one query."""
    rows = (
        exports.order_by()
        .values_list("last_state")
        .annotate(
            # Of rows, not of ids: where neither asks for more, an index alone answers.
            all=Count("*"),
            called=Count("pk", filter=called) if called else Count("*"),
            editable=Count("pk", filter=rule) if (rule := may_edit(access)) else Count("*"),
        )
    )
    counts = list(rows)
    return Tally(
        all={state: count for state, count, *_more in counts},
        called={state: found for state, _count, found, _editable in counts},
        needs=sum(editable for state, _count, _found, editable in counts if state in NEEDS_SOMEBODY),
    )


def called_like(text: str) -> Q:
    """Match exports whose name, connection's name or connection type holds `text`."""
    types = [slug for slug, type_ in destinations().items() if fold(text) in fold(str(type_.label))]
    found = Q(name__holds=text) | Q(connection__name__holds=text) | Q(connection__type__in=types)
    return found | Q(connection=None) if fold(text) in fold(_("No Connection")) else found


def with_status(exports: QuerySet[Export], status: str) -> QuerySet[Export]:
    """Those with `status`, all where it is empty."""
    return exports.filter(last_state__in=states_of(status)) if status else exports


def sorted_by(exports: QuerySet[Export], sort: str, access: Access) -> QuerySet[Export]:
    """Sort by one column, descending with "-" before it, then by name."""
    key, is_descending = sort.lstrip("-"), sort.startswith("-")
    if key == "permissions":
        expression: Any = _cannot_edit(access)
    else:
        expression = SORTS[key]() if callable(SORTS[key]) else SORTS[key]
    order = OrderBy(expression, descending=is_descending, nulls_last=True)
    return exports.order_by(order, Folded("name"), "pk")


def _type_label() -> Case:
    """The connection type's label, which the database does not know."""
    whens = [When(connection__type=slug, then=Value(str(type_.label))) for slug, type_ in destinations().items()]
    return Case(*whens, default=Value(None))


def _status_rank() -> Case:
    whens = [When(last_state=state, then=Value(rank)) for rank, state in enumerate(STATUS_ORDER)]
    return Case(*whens, default=Value(len(STATUS_ORDER)), output_field=IntegerField())


def _schedule_rank() -> Case:
    """Off first, then own recurrences from often to seldom, then what follows the system refresh."""
    own = [When(schedule__repeat=repeat, then=Value(rank)) for rank, repeat in enumerate(Repeat.values, 1)]
    off = When(schedule_mode=ScheduleMode.OFF, then=Value(0))
    refresh = When(schedule_mode=ScheduleMode.REFRESH, then=Value(len(own) + 1))
    return Case(off, refresh, *own, default=Value(len(own) + 1), output_field=IntegerField())


def _cannot_edit(access: Access) -> Case:
    """0 for exports that the user can edit, 1 for those they can only view."""
    rule = may_edit(access)
    return Case(When(rule, then=Value(0)), default=Value(1 if rule else 0), output_field=IntegerField())


SORTS: dict[str, Any] = {
    "name": Folded("name"),
    "connection": Folded("connection__name"),
    "type": _type_label,
    "status": _status_rank,
    "rows": Case(When(last_state__in=[*DELIVERED, State.RUNNING], then=F("last_run__rows_done"))),
    "refreshed": F("delivered_at"),
    "schedule": _schedule_rank,
    "permissions": None,
}
