"""The brakes: they hold a run that is very unlike earlier ones until a person decides (docs/rules.md).

Pure: counts in, brakes out. Where the counts come from is told by `exports.work.gate`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from connections.destinations.base import Unit
from exports.models import UNITS, Records
from roles.messages import Message, listed
from roles.messages import said as _
from roles.messages import said_many as ngettext

RECENT = 10  # delivered runs that a count is compared with, at most
ENOUGH = 3  # of them have to be there: the fourth run is the first that is held

Key = tuple[str, int, bool]  # kind, id, whether contacts are projected: an item of the same definition


@dataclass(frozen=True)
class Count:
    """How many rows of an item will go; None where nobody knows before they are read."""

    key: Key
    name: str
    rows: int | None


@dataclass(frozen=True)
class Former:
    """A delivered run: the rows of each item, and whether a person released it."""

    rows: Mapping[Key, int]
    is_released: bool = False


@dataclass(frozen=True)
class Removals:
    """How many profiles the run would remove, `of` how many that the target has from this export now."""

    count: int
    of: int


@dataclass(frozen=True)
class Bounds:
    """What an export allows: percents, None for a brake that is off."""

    tolerance: int | None
    most_removals: int | None
    sends_nothing: bool
    words: Records = UNITS[Unit.ROWS]


@dataclass(frozen=True)
class Brake:
    """One reason to hold a run: `text` is a whole thought with its numbers, `short` a few words for the list."""

    brake: str
    text: Message
    short: Message

    def as_json(self) -> dict[str, Any]:
        """Return it as Run.held_for keeps it."""
        return {"brake": self.brake, "text": self.text}


def item_key(entry: Mapping[str, Any]) -> Key:
    """Return what tells an item of Run.items from others."""
    return entry.get("kind", ""), entry.get("id", 0), bool(entry.get("is_projected"))


def former_run(items: Iterable[Mapping[str, Any]], *, is_released: bool = False) -> Former:
    """Return a delivered run as its row in the database tells of it; what was left out counts with its profiles."""
    rows = {item_key(one): one["expected"] if one.get("left_out") else one["rows"] for one in items}
    return Former({key: count for key, count in rows.items() if count is not None}, is_released)


def brakes(
    counts: Sequence[Count], formers: Sequence[Former], bounds: Bounds, removals: Removals | None = None
) -> list[Brake]:
    """Return why the run has to wait for a person, nothing where it may go; `formers` are the newest first."""
    formers = formers[:RECENT]
    found = [] if bounds.sends_nothing else _nothing(counts, formers, bounds.words)
    if bounds.tolerance is not None:
        held = (_unusual(count, formers, bounds.tolerance, is_only=len(counts) == 1) for count in counts)
        found += [brake for brake in held if brake]
    if removals is not None and bounds.most_removals is not None:
        found += _removing(removals, bounds.most_removals)
    return found


def change(usual: float, now: int, *, than: int = 0) -> Message:
    """Say both and the percent between them; with a decimal where rounding would hide that it is more than `than`."""
    words = {"usual": round(usual), "now": now}
    if not usual:
        return _("%(usual)s → %(now)s") % words
    percent = (now - usual) * 100 / usual
    shown = round(percent) if abs(round(percent)) > than else round(percent, 1)
    text = _("%(usual)s → %(now)s (−%(percent)s %%)") if percent < 0 else _("%(usual)s → %(now)s (+%(percent)s %%)")
    return text % (words | {"percent": abs(shown)})


def _nothing(counts: Sequence[Count], formers: Sequence[Former], words: Records) -> list[Brake]:
    """Nothing at all to send, or an item that was not empty when it last went."""
    if counts and all(count.rows == 0 for count in counts):
        last = sum(formers[0].rows.values()) if formers else 0
        said = {"names": listed(_quoted(count.name) for count in counts), "count": words.count(last)}
        text = ngettext("There is nothing to send: %(names)s is empty", "There is nothing to send: %(names)s are empty",
                        len(counts))  # fmt: skip
        if last:
            text = ngettext("There is nothing to send: %(names)s is empty (%(count)s in the last run)",
                            "There is nothing to send: %(names)s are empty (%(count)s in the last run)",
                            len(counts))  # fmt: skip
        return [Brake("nothing", text % said, _("nothing to send"))]
    emptied = [(count, _last(count, formers)) for count in counts if count.rows == 0]
    return [_became_empty(count, last) for count, last in emptied if last]


def _became_empty(count: Count, last: int) -> Brake:
    words = {"name": _quoted(count.name), "change": change(last, 0)}
    return Brake("emptied", _("%(name)s became empty: %(change)s") % words, _("%(name)s became empty") % words)


def _unusual(count: Count, formers: Sequence[Former], tolerance: int, *, is_only: bool) -> Brake | None:
    """An item whose rows are too far from the usual, or from what a person last released. Empty items: `_nothing`."""
    recent = [one.rows[count.key] for one in formers if count.key in one.rows]
    if not count.rows or len(recent) < ENOUGH:
        return None
    usual = median(recent)
    released = [one.rows[count.key] for one in formers if one.is_released and count.key in one.rows][:1]
    if any(abs(count.rows - like) * 100 <= tolerance * like for like in (usual, *released)):
        return None
    said = change(usual, count.rows, than=tolerance)
    words = {"name": _quoted(count.name), "change": said, "runs": len(recent), "tolerance": tolerance}
    text = _("%(name)s: %(change)s compared with the last %(runs)d runs, more than the allowed ±%(tolerance)d %%")
    # The list names the export: where that sends one thing only, its name would push the numbers out of sight.
    return Brake("count", text % words, said if is_only else _("%(name)s: %(change)s") % words)


def _removing(removals: Removals, most: int) -> list[Brake]:
    if not removals.of or removals.count * 100 <= most * removals.of:
        return []
    percent = removals.count * 100 / removals.of
    shown = round(percent) if round(percent) > most else round(percent, 1)
    words = {"count": removals.count, "of": removals.of, "percent": shown, "most": most}
    text = (
        _("%(count)s of %(of)s profiles would be removed (%(percent)s %%), more than the allowed %(most)d %%") % words
    )
    return [Brake("removals", text, _("%(count)s removals (%(percent)s %%)") % words)]


def _last(count: Count, formers: Sequence[Former]) -> int:
    return next((one.rows[count.key] for one in formers if count.key in one.rows), 0)


def _quoted(name: str) -> str:
    return f"“{name}”"
