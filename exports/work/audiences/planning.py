"""Writes a run's plan: what differs between the members of today and who is at the target."""

from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from connections.destinations.base.audiences import AudienceDestination
from exports.models import AudienceContainer, Run
from exports.work.audiences.containers import container_of, key_of
from exports.work.audiences.matching import Matching, Ready, matching_of, preparer
from exports.work.audiences.sealing import Box
from exports.work.plan import Item
from segments.warehouse import differences, ledger
from segments.warehouse.differences import Difference, Filling, Leaver
from segments.warehouse.ledger import Planned, Standing
from segments.warehouse.reader import open_session

NOWHERE = (Standing.REJECTED, Standing.UNSENDABLE, Standing.SUPPRESSED)  # not at the target, whoever leaves


@dataclass
class Part:
    """One item of a run and what is planned for it."""

    item: Item
    container: AudienceContainer
    filling: Filling
    matching: Matching
    key: bytes = field(repr=False)
    added: int = 0
    changed: int = 0
    removed: int = 0
    unsendable: int = 0
    there: int = 0  # records at the target before this run, or wanted there

    @property
    def differences(self) -> int:
        """How many records are sent or removed."""
        return self.added + self.changed + self.removed


def part_of(run: Run, item: Item, destination: AudienceDestination) -> Part:
    """Return what the item fills and by which matching. Raises RunError."""
    assert item.segment is not None
    matching = matching_of(item, destination, run.export.settings)
    container = container_of(run.export, destination, item.segment)
    filling = Filling(container.pk, run.export_id, item.segment, matching.sources, item.is_projected)
    return Part(item, container, filling, matching, key_of(container))


def write_plan(run: Run, parts: list[Part], destination: AudienceDestination, box: Box, reader: Any) -> None:
    """Compare each part with the ledger and write the plan; of a test, what it sends and nobody who leaves.

    `reader` is a connection of its own, on which each statement sees what is committed by then.
    """
    with connection.cursor() as cursor:
        ledger.open_plan(cursor, run.pk)
    with closing(open_session()) as writer:  # Django's own connection answers meanwhile
        for part in parts:
            _compare(run, part, destination, box, reader, writer)
    with connection.cursor() as cursor:
        ledger.index_plan(cursor, run.pk)


def _compare(run: Run, part: Part, destination: AudienceDestination, box: Box, reader: Any, writer: Any) -> None:
    prepare = preparer(destination, part.matching, part.key)
    with connection.cursor() as cursor:
        standings = ledger.count_of(cursor, *part.filling.place)
    part.there = sum(standings.get(standing, 0) for standing in ledger.WANTED)
    with ledger.planning(writer, run.pk, part.container.pk) as write:
        if not run.most_rows:
            for leaver in differences.leavers(reader, part.filling):
                _plan_removal(part, leaver, prepare, box, write)
        for difference in differences.differences(reader, part.filling, part.matching.fingerprint, most=run.most_rows):
            _plan_sending(part, difference, prepare(difference.values), box, write)


def _plan_sending(part: Part, difference: Difference, ready: Ready, box: Box, write: Any) -> None:
    if ready.standing == Standing.UNSENDABLE:
        part.unsendable += 1
    elif difference.identity is not None and difference.standing in ledger.WANTED:
        part.changed += 1
        part.removed += bytes(difference.identity) != ready.identity
    else:
        part.added += 1
    sealed = None if ready.payload is None else box.seal(ready.payload)
    write(
        Planned(
            part.filling.segment.pk, difference.record, False, ready.identity, difference.digest,
            ready.standing, ready.code, ready.handle, sealed,
        )
    )  # fmt: skip


def _plan_removal(part: Part, leaver: Leaver, prepare: Any, box: Box, write: Any) -> None:
    """Plan it with today's values where the profile is still there and still the same person to the target."""
    part.removed += leaver.standing not in NOWHERE
    sealed = None
    if leaver.values is not None:
        ready = prepare(leaver.values)
        if ready.payload is not None and ready.identity == bytes(leaver.identity):
            sealed = box.seal(ready.payload)
    write(
        Planned(
            part.filling.segment.pk, leaver.record, True, bytes(leaver.identity), None,
            Standing.LEAVING, "", "", sealed,
        )
    )  # fmt: skip
