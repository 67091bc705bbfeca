"""The pane's check lists, as their template shows them: no rule is left to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils import timezone
from django.utils.translation import gettext as _

from exports.pane.choice import Choice
from exports.pane.fitting import Fitting
from exports.pane.setup import Setup
from roles.kinds import Audience, ProfileKind
from roles.ui.words import relative
from segments.models import Segment, Table


@dataclass
class Item:
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
    items: list[Item]
    error: str = ""
    help: str = ""

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
    items = segment_items(setup.segments, setup.fitting)
    way_out = setup.fitting.way_out(setup.segments.offered)
    return [CheckList("segments", _("Segments"), "members", items, setup.choice_error, way_out)]


def _of_data_out(setup: Setup) -> list[CheckList]:
    tables, members = table_items(setup.tables), member_items(setup.members)
    about = _("Who is a member of each segment, as a table of their keys.")
    legend = _("Member lists of segments")
    return [
        CheckList("tables", _("Tables"), "rows", tables, setup.choice_error),
        CheckList("members", legend, "members", members, "" if tables else setup.choice_error, about),
    ]


def segment_items(choice: Choice[Segment], fitting: Fitting) -> list[Item]:
    """The segments to choose from; one that is chosen and does not fit (any more) stays checked, as an error."""
    return [_segment_item(segment, segment in choice.chosen, fitting) for segment in choice.chosen_first]


def _segment_item(segment: Segment, is_chosen: bool, fitting: Fitting) -> Item:
    why_not = fitting.why_not(segment)
    item = Item(segment.pk, segment.name, segment.member_count, is_chosen, chip=_kind_of(segment))
    if why_not and is_chosen:
        item.error = _("%(reason)s Uncheck it, or choose another connection.") % {"reason": why_not}
    elif why_not:
        item.is_disabled, item.notes = True, [why_not]
    else:
        item.notes = list(_notes(segment, fitting))
        item.warnings = [text for text in (fitting.warning(segment), segment.error) if text]
    return item


def _notes(segment: Segment, fitting: Fitting) -> Iterator[str]:
    if segment.refreshed_at is None:
        yield _("Not refreshed yet; the run does it.")
    if fitting.is_projected(segment):
        yield _("Sends the contacts of these accounts; the number of contacts is not known in advance.")


def _kind_of(segment: Segment) -> str:
    """Account or contact, in environments that have both."""
    if segment.environment.audience != Audience.BUSINESSES:
        return ""
    return str(ProfileKind(segment.table.profile_kind).label) if segment.table.profile_kind else ""


def table_items(choice: Choice[Table]) -> list[Item]:
    """The tables to choose from, with how old their data is."""
    now, items = timezone.now(), []
    for table in choice.chosen_first:
        read = _("Data of %(when)s") % {"when": relative(table.refreshed_at, now)} if table.refreshed_at else ""
        items.append(Item(table.pk, table.name, table.row_count, table in choice.chosen, notes=[read] if read else []))
    return items


def member_items(choice: Choice[Segment]) -> list[Item]:
    """The segments whose member lists can go as tables."""
    return [_member_item(segment, segment in choice.chosen) for segment in choice.chosen_first]


def _member_item(segment: Segment, is_chosen: bool) -> Item:
    item = Item(segment.pk, segment.name, segment.member_count, is_chosen, chip=_kind_of(segment))
    item.notes = [] if segment.refreshed_at else [_("Not refreshed yet; the run does it.")]
    item.warnings = [segment.error] if segment.error else []
    return item
