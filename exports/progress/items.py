"""What a run sends, one by one: segments, tables, member lists."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.models import Run
from exports.models.states import DELIVERED, State
from roles.ui.words import number

KINDS = {"table": gettext_lazy("Table"), "members": gettext_lazy("Member list")}


@dataclass(frozen=True)
class ItemFigures:
    """One item: `figures` are its rows, of how many; `percent` is for one that is on its way."""

    name: str
    kind: str
    figures: str
    percent: int | None


def item_figures(run: Run) -> list[ItemFigures]:
    """Return the items of `run`, in their order."""
    return [_entry(item, run) for item in run.items]


def _entry(item: dict[str, Any], run: Run) -> ItemFigures:
    rows, expected = item["rows"], item["expected"]
    kind = KINDS.get(item.get("kind", ""), "")
    is_whole = run.state in DELIVERED or expected is None
    figures = number(rows) if is_whole else _("%(rows)s of %(expected)s") % _grouped(rows, expected)
    is_running = run.state == State.RUNNING and expected
    percent = min(100, int(100 * rows / expected)) if is_running else None
    if rejected := item.get("rejected"):
        figures = _("%(figures)s · %(rejected)s rejected") % {"figures": figures, "rejected": number(rejected)}
    return ItemFigures(item["name"], str(kind), figures, percent)


def _grouped(rows: int, expected: int) -> dict[str, str]:
    return {"rows": number(rows), "expected": number(expected)}
