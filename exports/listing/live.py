"""Updates of an open page of the list: only what has changed is sent, with few queries."""

from dataclasses import dataclass
from zlib import crc32

from django.http import QueryDict
from django.utils.safestring import SafeString
from psycopg import sql

from connections.models import Connection
from exports.listing.query import MOVING, PAGE_SIZE, ExportListing, list_exports
from exports.listing.rows import RowRenderer
from exports.models import Export, RefreshSchedule, Run, Schedule
from exports.models.states import State
from exports.shown.exports import ExportFacts, export_facts, rows_of
from exports.shown.status import states_of
from roles import reader
from roles.access.policy import Access
from roles.typed import typed_id
from roles.ui.polls import ages, read, versions

_OF_SHOWN = sql.SQL("FROM exports_export e WHERE e.id = ANY(%(shown)s) AND e.environment_id = %(environment)s")
_TRIES = """SELECT r.not_before FROM exports_run r JOIN exports_export e ON r.id = e.last_run_id
    WHERE e.id = ANY(%(shown)s) AND e.environment_id = %(environment)s AND r.state = %(retrying)s ORDER BY e.id"""
# All that the list is made from: the exports that are counted, and what the rows say beside them.
_SEEN = (
    sql.SQL("ARRAY(SELECT e.delivered_at {} ORDER BY e.id)").format(_OF_SHOWN),
    sql.SQL("ARRAY({})").format(sql.SQL(_TRIES)),
    versions(Export, sql.SQL("t.environment_id = %(environment)s")),
    versions(Run, sql.SQL("t.id IN (SELECT e.last_run_id {})").format(_OF_SHOWN)),
    versions(Schedule, sql.SQL("t.export_id IN (SELECT e.id {})").format(_OF_SHOWN)),
    versions(RefreshSchedule, sql.SQL("t.environment_id = %(environment)s")),
    versions(Connection, sql.SQL("t.environment_id = %(environment)s")),
    versions(Connection.shared_with.through, sql.SQL("t.user_id = %(user)s")),
    versions(Export.detached_users.through, sql.SQL("t.user_id = %(user)s")),
)

OWN = ("shown", "head", "all")  # what a poll adds to the list's own query
FAST, SLOW = "every 1s", "every 5s"


@dataclass(frozen=True)
class Live:
    """How a page of the list polls for changes. `head` is the version of its summary and filters."""

    listing: ExportListing
    is_moving: bool
    is_stale: bool  # exports came or went, or no longer fit the filter
    shown_all: int

    @property
    def trigger(self) -> str:
        """The interval at which the page polls."""
        return FAST if self.is_moving else SLOW

    @property
    def head(self) -> str:
        """The version of summary, filters and the poll itself."""
        shown = (
            sorted(self.listing.counts.items()),
            self.listing.found,
            self.listing.needs,
            self.listing.environment.paused_at,
            self.is_moving,
            self.is_stale,
        )
        return f"{crc32(repr((shown, reader.key())).encode()):x}"


@dataclass(frozen=True)
class Changes:
    """The answer to a poll: the rows that differ, and summary and filters if they differ."""

    rows: list[SafeString]
    live: Live
    has_new_head: bool

    def __bool__(self) -> bool:
        return bool(self.rows) or self.has_new_head


def live_of(listing: ExportListing) -> Live:
    """Return how the page that was just loaded polls for changes."""
    return Live(listing, _is_moving(listing.exports), is_stale=False, shown_all=listing.all)


def seen_by(access: Access, query: QueryDict) -> list[object]:
    """Return what the answer to a poll depends on, in one query."""
    shown = list(_shown(query.get("shown", "")))
    values = {"shown": shown, "environment": access.environment.pk, "user": access.user.pk, "retrying": State.RETRYING}
    delivered, tries, *rows = read(_SEEN, values)
    return [ages(delivered), ages(tries), *rows]


def changes_since(access: Access, query: QueryDict, *, can_duplicate: bool) -> Changes:
    """Return the changes of the rows that `query` names as "ID:VERSION,…". Foreign ids count as removed."""
    shown, listing = _shown(query.get("shown", "")), list_exports(access, query)
    mine = Export.objects.filter(environment=access.environment, pk__in=shown)
    exports = export_facts(rows_of(mine, access), access.environment)
    all_before = typed_id(query.get("all"))
    is_stale = listing.all != all_before or len(exports) < len(shown) or not _fit(exports, listing.status)
    live = Live(listing, _is_moving(exports), is_stale, all_before)
    rows = RowRenderer(access, can_duplicate=can_duplicate).changed(exports, shown)
    return Changes(rows, live, has_new_head=live.head != query.get("head"))


def _shown(text: str) -> dict[int, str]:
    """Return the versions of at most one page of rows by id, without invalid ids."""
    pairs = [entry.partition(":") for entry in text.split(",", PAGE_SIZE)[:PAGE_SIZE]]
    return {typed_id(key): version for key, _colon, version in pairs if typed_id(key)}


def _is_moving(exports: list[ExportFacts]) -> bool:
    return any(facts.status.state in MOVING for facts in exports)


def _fit(exports: list[ExportFacts], status: str) -> bool:
    return not status or all(facts.status.state in states_of(status) for facts in exports)
