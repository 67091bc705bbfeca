"""What a chart shows, as plain values. How it is drawn is written in templates/components/chart.html."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from exports.models.states import FINAL, STATES, Look, State
from roles.ui.locales import listing
from roles.ui.words import number


@dataclass(frozen=True)
class Series:
    """What bars stand for: its name, the value of the highest bar, and that value in words."""

    name: str
    top: float
    words: str


@dataclass(frozen=True)
class Bar:
    """A value, in the tone of its state; `words` say all of it."""

    value: float
    tone: str = ""
    words: str = ""


@dataclass(frozen=True)
class Column:
    """A run or a day: for each series its bars, the lowest first. A mark shows a state without colour."""

    stacks: list[list[Bar]]
    mark: Look | None = None
    label: str = ""


@dataclass(frozen=True)
class Chart:
    """Columns beside each other, with a title, a description that says the same in words, and a legend."""

    title: str
    description: str
    series: list[Series]
    columns: list[Column]
    legend: list[tuple[Look, int]]


def legend_of(counts: Counter[str]) -> list[tuple[Look, int]]:
    """Return the states that occur, each with its number."""
    return [(STATES[state].look, counts[state]) for state in (State.HELD, *FINAL) if counts[state]]


def in_words(counts: Counter[str]) -> str:
    """Return how many of which state, as words."""
    words = [_("%(count)s %(state)s") % {"count": number(count), "state": look.label}
             for look, count in legend_of(counts)]  # fmt: skip
    return listing(words, "plain") or _("none")


def worst_of(states: Iterable[str]) -> str | None:
    """Return the state that needs attention most; None if all went well."""
    order = (State.FAILED, State.SKIPPED, State.WARNED, State.CANCELED)
    present = set(states)
    return next((state for state in order if state in present), None)
