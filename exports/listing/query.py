"""The list of exports: search, filter and sort in the database, a constant number of queries."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, F, IntegerField, OrderBy, Q, QuerySet, Value, When
from django.db.models.functions import Lower
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.destinations.registry import destinations
from exports.models import Export, Repeat, ScheduleMode, may_edit
from exports.models.states import DELIVERED, NOT_STARTED, STATES, Look, State
from exports.schedules.words import ScheduleWording
from exports.shown.exports import ExportFacts, export_facts, rows_of
from exports.shown.status import NOT_STARTED_VALUE, STATUS_ORDER
from roles.access.policy import Access
from roles.models import Environment
from roles.permissions import Permission
from roles.searching import search_of

PAGE_SIZE = 50
MOVING = (State.QUEUED, State.RUNNING)
NEEDS_SOMEBODY = (State.HELD, State.FAILED)
FAILED_ANY = "failed_any"
# The states that a filter of this name lets through; others are states themselves.
UNITED = {NOT_STARTED_VALUE: ("",), FAILED_ANY: (State.FAILED, State.RETRYING)}
FAILED_ANY_LOOK = Look(gettext_lazy("Failed"), "alert-circle", "danger")


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
        return export_facts(self.page.object_list, ScheduleWording(self.environment))

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
        """The statuses there are, with their counts, as (value, look, count) to choose from."""
        looks = {"": NOT_STARTED} | {state: rule.look for state, rule in STATES.items()}
        present = [state for state in (*STATUS_ORDER, "") if self.counts.get(state)]
        chips = [
            {"value": state or NOT_STARTED_VALUE, "look": looks[state], "count": self.counts[state]}
            for state in present
        ]
        failures = [place for place, state in enumerate(present) if state in UNITED[FAILED_ANY]]
        if len(failures) > 1 or self.status == FAILED_ANY:
            count = sum(self.counts[present[place]] for place in failures)
            chips.insert(min(failures, default=0), {"value": FAILED_ANY, "look": FAILED_ANY_LOOK, "count": count})
        return chips


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
    paginator.count = sum(tally.called.get(state, 0) for state in (states_of(status) if status else tally.called))
    failed = 0 if access.has_permission(Permission.EDIT_EXPORTS) else tally.all.get(State.FAILED, 0)
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
            all=Count("pk"),
            called=Count("pk", filter=called) if called else Count("pk"),
            editable=Count("pk", filter=rule) if (rule := may_edit(access)) else Count("pk"),
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
    types = [slug for slug, type_ in destinations().items() if text.casefold() in str(type_.label).casefold()]
    found = Q(name__icontains=text) | Q(connection__name__icontains=text) | Q(connection__type__in=types)
    return found | Q(connection=None) if text.casefold() in _("No Connection").casefold() else found


def with_status(exports: QuerySet[Export], status: str) -> QuerySet[Export]:
    """Those with `status`, all where it is empty."""
    return exports.filter(last_state__in=states_of(status)) if status else exports


def states_of(status: str) -> tuple[str, ...]:
    """Return the states of last runs that the filter `status` lets through, "" for those never run."""
    return UNITED.get(status, (status,))


def sorted_by(exports: QuerySet[Export], sort: str, access: Access) -> QuerySet[Export]:
    """Sort by one column, descending with "-" before it, then by name."""
    key, is_descending = sort.lstrip("-"), sort.startswith("-")
    if key == "permissions":
        expression: Any = _cannot_edit(access)
    else:
        expression = SORTS[key]() if callable(SORTS[key]) else SORTS[key]
    order = OrderBy(expression, descending=is_descending, nulls_last=True)
    return exports.order_by(order, Lower("name"), "pk")


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
    "name": Lower("name"),
    "connection": Lower("connection__name"),
    "type": _type_label,
    "status": _status_rank,
    "rows": Case(When(last_state__in=[*DELIVERED, State.RUNNING], then=F("last_run__rows_done"))),
    "refreshed": F("delivered_at"),
    "schedule": _schedule_rank,
    "permissions": None,
}
