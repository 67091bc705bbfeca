"""The pane's check lists, ready for their template, which needs no rule."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.utils import timezone
from django.utils.translation import gettext as _

from exports.pane.setup import Setup
from exports.spec.eligibility import Eligibility
from exports.spec.ineligible import contact_segment_url
from roles.kinds import Audience, ProfileKind
from roles.permissions import Permission
from roles.ui.words import relative
from segments.models import Segment, Table

MOST_WAYS_OUT = 5  # links that are shown


@dataclass
class CheckListItem:
    """One line: `count` is rows or members (None: not known yet); `error` says what is wrong with having it chosen."""

    value: int
    label: str
    count: int | None
    is_checked: bool
    is_disabled: bool = False
    chip: str = ""
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str = ""


@dataclass
class CheckList:
    """A check list: `name` is that of its inputs, `sums` says what their counts are of (roles.ui.counted)."""

    name: str
    legend: str
    sums: str
    items: list[CheckListItem]
    error: str = ""
    help: str = ""
    ways_out: list[tuple[str, str]] = field(default_factory=list)  # labels and addresses

    @property
    def chosen(self) -> int:
        """How many are chosen now; the browser brings it up to date."""
        return sum(item.is_checked for item in self.items)

    @property
    def sum(self) -> int:
        """What those come to."""
        return sum(item.count or 0 for item in self.items if item.is_checked)


def check_lists(setup: Setup) -> list[CheckList]:
    """Return the check lists of the kind that is shown, those with nothing to choose from left out."""
    lists = _of_segments(setup) if setup.is_of_segments else _of_data_out(setup)
    return [one for one in lists if one.items]


def _of_segments(setup: Setup) -> list[CheckList]:
    offered, eligibility = setup.offered_segments, setup.resolved.eligibility
    chosen = {segment.pk for segment in setup.segments}
    items = [_segment_item(segment, segment.pk in chosen, eligibility) for segment in offered]
    help_, ways_out = eligibility.remedy(offered), list(islice(_ways_out(setup), MOST_WAYS_OUT))
    return [CheckList("segments", _("Segments"), "members", items, setup.choice_error, help_, ways_out)]


def _ways_out(setup: Setup) -> Iterator[tuple[str, str]]:
    """Where contact segments are made that can go in the place of account segments, the chosen ones first."""
    eligibility = setup.resolved.eligibility
    if not (eligibility.takes_contacts and setup.access.has_permission(Permission.EDIT_DATA)):
        return
    for segment in setup.offered_segments:
        if segment.table.profile_kind == ProfileKind.ACCOUNT and eligibility.why_not(segment):
            url = contact_segment_url(segment, setup.access.environment.slug, setup.export)
            yield _("Create contact segment like “%(name)s”") % {"name": segment.name}, url


def _of_data_out(setup: Setup) -> list[CheckList]:
    now = timezone.now()
    tables = [_table_item(table, table in setup.tables, now) for table in setup.offered_tables]
    chosen = {segment.pk for segment in setup.segments}
    members = [_member_item(segment, segment.pk in chosen) for segment in setup.offered_segments]
    about = _("Who is a member of each segment, as a table of their keys.")
    legend = _("Member lists of segments")
    return [
        CheckList("tables", _("Tables"), "rows", tables, setup.choice_error),
        CheckList("members", legend, "members", members, "" if tables else setup.choice_error, about),
    ]


def _segment_item(segment: Segment, is_chosen: bool, eligibility: Eligibility) -> CheckListItem:
    """A chosen segment that does not fit (any more) stays checked, with an error."""
    why_not = eligibility.why_not(segment)
    item = CheckListItem(segment.pk, segment.name, segment.member_count, is_chosen, chip=_kind_of(segment))
    if why_not and is_chosen:
        item.error = _("%(reason)s Uncheck it, or choose another connection.") % {"reason": why_not}
    elif why_not:
        item.is_disabled, item.notes = True, [why_not]
    else:
        item.notes = list(_notes(segment, eligibility))
        item.warnings = [text for text in (eligibility.warning(segment), segment.error) if text]
    return item


def _notes(segment: Segment, eligibility: Eligibility) -> Iterator[str]:
    if segment.refreshed_at is None:
        yield _("Not refreshed yet; the run will refresh it.")
    if eligibility.is_projected(segment):
        yield _("Sends the contacts of these accounts; their number is not known in advance.")


def _kind_of(segment: Segment) -> str:
    """Account or contact, in environments that have both."""
    if segment.environment.audience != Audience.BUSINESSES:
        return ""
    return str(ProfileKind(segment.table.profile_kind).label) if segment.table.profile_kind else ""


def _table_item(table: Table, is_chosen: bool, now: datetime) -> CheckListItem:
    """A table, with how old its data is."""
    read = _("Data of %(when)s") % {"when": relative(table.refreshed_at, now)} if table.refreshed_at else ""
    return CheckListItem(table.pk, table.name, table.row_count, is_chosen, notes=[read] if read else [])


def _member_item(segment: Segment, is_chosen: bool) -> CheckListItem:
    """A segment whose member list can go as a table."""
    item = CheckListItem(segment.pk, segment.name, segment.member_count, is_chosen, chip=_kind_of(segment))
    item.notes = [] if segment.refreshed_at else [_("Not refreshed yet; the run will refresh it.")]
    item.warnings = [segment.error] if segment.error else []
    return item
