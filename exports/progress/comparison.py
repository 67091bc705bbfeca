"""A held run beside the last delivered ones: rows of each item, for the person who decides."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from exports.models import Run
from exports.models.states import DELIVERED
from exports.work.brakes import former_run, item_key
from roles.ui.words import NONE, exact_time, number

LAST_RUNS = 5
MOST_ITEMS = 3  # with a column of their own; more are summed


@dataclass(frozen=True)
class Comparison:
    """A table: the first row is the held run."""

    columns: list[str]
    rows: list[list[str]]


def comparison_of(run: Run) -> Comparison:
    """Return how many rows `run` would send, and the last delivered runs sent."""
    keys = {item_key(item): item["name"] for item in run.items}
    shown = keys if 1 < len(keys) <= MOST_ITEMS else {}
    counts = {item_key(item): item["expected"] for item in run.items}
    rows = [[_("This run, held"), _sum(list(counts.values())), *(_count(counts[key]) for key in shown)]]
    delivered = run.export.runs.filter(state__in=DELIVERED, most_rows=None, pk__lt=run.pk).order_by("-pk")[:LAST_RUNS]
    for one in delivered:
        sent = former_run(one.items).rows
        when = exact_time(one.ended_at or one.queued_at)
        rows.append([when, number(one.rows_done), *(_count(sent.get(key)) for key in shown)])
    return Comparison([_("Run"), str(run.words.name), *shown.values()], rows)


def _count(rows: int | None) -> str:
    return NONE if rows is None else number(rows)


def _sum(counts: list[int | None]) -> str:
    known = [count for count in counts if count is not None]
    return number(sum(known)) if len(known) == len(counts) else NONE
