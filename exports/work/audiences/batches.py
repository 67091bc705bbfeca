"""Batches: as many people as one request takes, by rows and by bytes; what is refused as a whole is halved."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from connections.destinations.base.audiences import (
    Accepted,
    AudienceDestination,
    ByRow,
    Container,
    Counted,
    Op,
    OpLimits,
    Outcome,
    Pending,
    Person,
    Rejected,
)
from exports.work.audiences.asking import Asker
from exports.work.audiences.sealing import Box
from segments.warehouse.ledger import Waiting

ENVELOPE = 2000  # bytes of a body around its rows
UNKNOWN = Rejected("unknown", is_permanent=False)


@dataclass(frozen=True)
class Batch:
    """Rows that go out together."""

    op: Op
    rows: Sequence[Waiting]
    people: Sequence[Person]


def batches(rows: Callable[[Waiting | None], Sequence[Waiting]], op: Op, limits: OpLimits, box: Box) -> Iterator[Batch]:
    """Yield batches of what `rows` gives: it is asked for what follows a row, until nothing does."""
    last: Waiting | None = None
    held: list[tuple[Waiting, Person]] = []
    size = ENVELOPE
    while found := rows(last):
        for row in found:
            person = Person(box.open(row.payload) if row.payload else None, row.handle, row.vendor_id)
            weight = _weight(person) if limits.bytes else 0
            if held and (len(held) >= limits.rows or (limits.bytes and size + weight > limits.bytes)):
                yield _batch(op, held)
                held, size = [], ENVELOPE
            held.append((row, person))
            size += weight
        last = found[-1]
    if held:
        yield _batch(op, held)


def _batch(op: Op, held: list[tuple[Waiting, Person]]) -> Batch:
    return Batch(op, [row for row, _person in held], [person for _row, person in held])


def _weight(person: Person) -> int:
    """Bytes of the row in a body, with some for what the destination puts around it."""
    return len(json.dumps(person.payload, ensure_ascii=False).encode()) + 40 if person.payload else 80


@dataclass(frozen=True)
class Sent:
    """What became of a batch: an outcome for each row, or the job that will tell."""

    batch: Batch
    outcomes: Sequence[Outcome] = ()
    job: str = ""


def send(asker: Asker, batch: Batch, container: Container) -> list[Sent]:
    """Send one batch; of one that is refused as a whole the bad rows are found by halving."""
    destination: AudienceDestination = asker.destination
    reply = asker.perform(destination.apply(batch.op, batch.people, container))
    if isinstance(reply, ByRow):
        return [Sent(batch, reply.outcomes)]
    if isinstance(reply, Pending):
        return [Sent(batch, job=reply.job)]
    if isinstance(reply, Counted):
        return [Sent(batch, _counted(reply, len(batch.rows)))]
    if len(batch.rows) == 1:
        return [Sent(batch, [Rejected(reply.code, reply.words)])]
    middle = len(batch.rows) // 2
    halves = (slice(None, middle), slice(middle, None))
    return [
        sent
        for half in halves
        for sent in send(asker, Batch(batch.op, batch.rows[half], batch.people[half]), container)
    ]


def _counted(reply: Counted, rows: int) -> list[Outcome]:
    """Give outcomes to rows of which only numbers are known: which of them were rejected nobody knows."""
    accepted = min(reply.accepted, rows)
    return [Accepted()] * accepted + [UNKNOWN] * (rows - accepted)
