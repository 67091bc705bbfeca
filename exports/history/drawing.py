"""The shapes of charts, in pixels, each with its words. A mark shows a state without colour."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext as _

from exports.models.states import FINAL, STATES, Look, State
from roles.ui.words import number

LANE = 18  # pixels above the bars, where the marks stand
TALLEST, GAP = 56, 10  # of a bar; below one series, before the next


class Bar(NamedTuple):
    """A rectangle of a state's tone; `words` are shown under the pointer."""

    x: int
    y: float
    width: int
    height: float
    tone: str
    words: str


class Mark(NamedTuple):
    """The icon of a state."""

    x: int
    icon: str
    tone: str


class Label(NamedTuple):
    """A few letters below a bar."""

    x: int
    text: str


@dataclass(frozen=True)
class Drawing:
    """A chart: `series` are (name, words for its highest), `grounds` the y of the lines on which bars stand."""

    title: str
    description: str
    width: int
    height: int
    series: list[tuple[str, str]]
    grounds: list[int]
    bars: list[Bar]
    marks: list[Mark]
    labels: list[Label]
    legend: list[tuple[Look, int]]


def ground_of(place: int) -> int:
    """Return the y of the line on which the bars of series number `place` stand."""
    return LANE + (TALLEST + GAP) * place + TALLEST


def height_of(value: float, top: float) -> float:
    """Return the height of a bar of `value`. The smallest is still visible; 0 has no bar."""
    return round(max(2.0, TALLEST * value / top), 1) if value and top else 0.0


def legend_of(counts: Counter[str]) -> list[tuple[Look, int]]:
    """Return the states that occur, each with its number."""
    return [(STATES[state].look, counts[state]) for state in (State.HELD, *FINAL) if counts[state]]


def in_words(counts: Counter[str]) -> str:
    """Return how many of which state, as words."""
    words = [_("%(count)s %(state)s") % {"count": number(count), "state": look.label}
             for look, count in legend_of(counts)]  # fmt: skip
    return ", ".join(words) or _("none")


def worst_of(states: Iterable[str]) -> str | None:
    """Return the state that needs attention most; None if all went well."""
    order = (State.FAILED, State.SKIPPED, State.WARNED, State.CANCELED)
    present = set(states)
    return next((state for state in order if state in present), None)
