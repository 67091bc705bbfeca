"""The gate between a plan and the target: the target's limits, rejected records, and the brakes (docs/rules.md)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from connections.destinations.base import Destination
from exports.models import Run
from exports.models.states import DELIVERED
from exports.work.brakes import RECENT, Bounds, Brake, Count, Former, Removals, brakes, former_run, item_key
from exports.work.errors import HeldRunError, RunError, SkippedRunError
from exports.work.plan import Item, ItemKind, RunPlan, TooSmall
from exports.work.record import Recorder
from roles.messages import Message, joined, listed
from roles.messages import said as _
from roles.messages import said_many as ngettext
from segments.warehouse import projecting, records


def profiles_of(connection: psycopg.Connection, item: Item) -> int:
    """Return how many profiles the segment sends in this snapshot: its members, or their contacts."""
    segment = item.segment
    if segment is None:
        raise TypeError(f"{item.name} is no segment.")
    if item.is_projected:
        return projecting.count_projected(connection, segment)
    return records.count_members(connection, segment)


def within_limits(plan: RunPlan, connection: psycopg.Connection, destination: type[Destination]) -> RunPlan:
    """Return the plan without segments too small for the target. Raises SkippedRunError where nothing may go."""
    kept, too_small = _above_least(connection, plan.items, destination)
    most = destination.limits.most_profiles
    if most is not None and (total := _distinct(connection, kept)) > most:
        words = {"total": total, "most": most, "type": destination.label}
        raise SkippedRunError(
            _(
                "The export has %(total)s different profiles; %(type)s accepts %(most)s per export. Nothing was "
                "sent: choose fewer or smaller segments, then run it again."
            ) % words,
            reason=_("%(total)s profiles, at most %(most)s allowed") % words,
        )  # fmt: skip
    return replace(plan, items=kept, too_small=too_small)


def _above_least(
    connection: psycopg.Connection, items: list[Item], destination: type[Destination]
) -> tuple[list[Item], list[TooSmall]]:
    least = destination.limits.least_profiles_per_segment
    if least is None or not all(item.kind == ItemKind.SEGMENT for item in items):
        return items, []
    kept: list[Item] = []
    too_small: list[TooSmall] = []
    for item in items:
        profiles = profiles_of(connection, item)
        if profiles < least:
            too_small.append(TooSmall(item, profiles))
        else:
            kept.append(item)
    if not kept:
        reason = ngettext("Segment too small", "All segments too small", len(too_small))
        nothing = _("Nothing was sent: widen a segment or choose others, then run the export again.")
        why = why_left_out(((one.item.name, one.profiles) for one in too_small), destination)
        raise SkippedRunError(joined([why, nothing]), reason=reason)
    return kept, too_small


def _distinct(connection: psycopg.Connection, items: list[Item]) -> int:
    sent = [item for item in items if item.kind == ItemKind.SEGMENT]
    whole = [item.segment for item in sent if item.segment and not item.is_projected]
    projected = [item.segment for item in sent if item.segment and item.is_projected]
    return projecting.count_distinct(connection, whole, projected)


def why_left_out(too_small: Iterable[tuple[str, int]], destination: type[Destination]) -> Message:
    """Say which segments (names) have how many profiles and how many it takes."""
    count = _("“%(name)s” (%(profiles)s)")
    names = listed(count % {"name": name, "profiles": profiles} for name, profiles in too_small)
    text = _("%(type)s needs at least %(least)s profiles per segment. These have fewer: %(names)s.")
    least = destination.limits.least_profiles_per_segment
    return text % {"type": destination.label, "least": least, "names": names}


def hold_unusual(
    recorder: Recorder, items: Sequence[Item], reader: psycopg.Connection, removals: Removals | None = None
) -> None:
    """Raise HeldRunError where a person has to decide whether the run may go on with what Run.items expect.

    Counts of the last refresh may be old: what looks unusual is counted in the run's own snapshot first, and noted.
    `removals` is for targets that remove members.
    """
    run = recorder.run
    if not _has_brakes(run):
        return
    formers = _formers(run)
    if _brakes(run, formers, removals):
        for entry, item in zip(run.items, items, strict=False):
            entry["expected"] = records.count_rows(reader, item.query(None))
        recorder.expect()
        _hold(_brakes(run, formers, removals))


def hold_unusual_rows(run: Run) -> None:
    """Raise HeldRunError by the rows that were really read; they lie under hidden names and nobody sees them."""
    if _has_brakes(run):
        read = [entry if entry.get("left_out") else {**entry, "expected": entry["rows"]} for entry in run.items]
        _hold(_brakes(run, _formers(run), None, read))


def refuse_rejected(run: Run) -> int:
    """Return how many records the target rejected. Raises RunError where it took none of the run's at all."""
    rejected = sum(entry.get("rejected", 0) for entry in run.items)
    if rejected and not any(entry["rows"] for entry in run.items):
        message = _(
            "The destination rejected all of it: %(count)s. Check which fields the export sends, then run it again."
        )
        raise RunError(message % {"count": run.words.count(rejected)}, reason=_("Every record rejected"))
    return rejected


def _has_brakes(run: Run) -> bool:
    """Whether the brakes may hold the run: not a test, and not released by a person."""
    return run.most_rows is None and not run.is_released


def _hold(found: list[Brake]) -> None:
    if found:
        raise HeldRunError(found)


def _brakes(
    run: Run, formers: list[Former], removals: Removals | None, entries: Sequence[Mapping[str, Any]] | None = None
) -> list[Brake]:
    export = run.export
    bounds = Bounds(export.tolerance, export.most_removals, export.sends_nothing, run.words)
    counts = [Count(item_key(entry), entry["name"], entry["expected"]) for entry in entries or run.items]
    return brakes(counts, formers, bounds, removals)


def _formers(run: Run) -> list[Former]:
    """The last runs of the export that delivered, tests left out, the newest first."""
    delivered = run.export.runs.filter(state__in=DELIVERED, most_rows=None).order_by("-pk")
    rows = delivered.values_list("items", "is_released")[:RECENT]
    return [former_run(items, is_released=is_released) for items, is_released in rows]
