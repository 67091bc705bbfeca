"""Carries a run to a system that takes people: containers, removals, then additions and changes, then a count."""

import logging
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from connections.destinations.base import DeliveryError
from connections.destinations.base.audiences import (
    Accepted,
    AudienceDestination,
    Container,
    Gone,
    Op,
    Rejected,
)
from connections.destinations.http import Client
from exports.models import AudienceContainer, Run
from exports.work.audiences import batches
from exports.work.audiences.asking import Asker, StoppedError, UnacknowledgedError
from exports.work.audiences.batches import Batch, Sent
from exports.work.audiences.budget import Budget, Window
from exports.work.audiences.containers import lock_all
from exports.work.audiences.planning import Part, part_of, write_plan
from exports.work.audiences.sealing import Box
from exports.work.brakes import Removals
from exports.work.carriers import Carrier, Reader, Step
from exports.work.errors import InterruptedRunError
from roles.messages import Message, joined
from roles.messages import said as _
from segments.warehouse import ledger
from segments.warehouse.ledger import Standing, Verdict, Waiting
from segments.warehouse.reader import open_session, reading, snapshot_time

logger = logging.getLogger(__name__)

READ_AT_ONCE = 5000  # rows of the plan
LONGEST_WORDS = 300  # of a vendor, about one row
PATIENCE = 5.0  # seconds that requests under way get to end when the run is canceled


class AudienceCarrier(Carrier):
    """Sends only what differs, notes each acknowledged batch at once, and leaves strangers alone."""

    grace = PATIENCE + 1
    destination: AudienceDestination
    parts: list[Part]

    @classmethod
    def steps(cls, run: Run) -> list[Step]:
        """Prepare, send, count."""
        prepare = ("prepare", _("Prepare the audience"))
        return [prepare, *super().steps(run), ("count", _("Count who is in the audience"))]

    def plan(self, reader: Reader) -> Removals:
        """Lock the containers, compare, and write the plan; nothing leaves yet."""
        self.box = Box()
        self.parts = [part_of(self.run, item, self.destination) for item in self.planned.items]
        lock = self.stack.enter_context(closing(open_session()))
        lock_all([part.container for part in self.parts], lock)
        self.stack.callback(self._drop_plan)
        with reading(self.run.environment, self.planned.nouns) as mine:
            self.run.data_as_of = snapshot_time(mine)
            write_plan(self.run, self.parts, self.destination, self.box, mine)
        with connection.cursor() as cursor:
            places = {part.container.pk for part in self.parts}
            leaving = sum(ledger.count_leaving(cursor, self.run.pk, pk, self.run.export_id) for pk in places)
        return Removals(leaving, of=sum(part.there for part in self.parts))

    def send(self, reader: Reader) -> None:
        """Find or make the containers: the first that the target is asked for. People follow in `finish`."""
        self.asker = self.stack.enter_context(self._asking())
        with self.recorder.step("prepare") as step:
            made = {part.container.pk: part.container for part in self.parts}
            self.containers = {pk: self._container(container) for pk, container in made.items()}
            step["note"] = joined(dict.fromkeys(container.name for container in made.values()), by=", ")

    def finish(self) -> None:
        """Note what is to be done, do it, and ask the target how many it has."""
        with self.recorder.step("send") as step:
            self._stage()
            for part in [] if self.run.most_rows else self.parts:
                self._remove(part)
            for index, part in enumerate(self.parts):
                self._add(index, part)
            self._look_up_counts()
            step["note"] = self._told()
        with self.recorder.step("count") as step:
            step["note"] = self._count()

    # -- before the first request about people

    def _stage(self) -> None:
        for part in self.parts:
            with transaction.atomic(), connection.cursor() as cursor:
                place = part.container.pk, self.run.export_id, part.matching.fingerprint
                ledger.stage(cursor, self.run.pk, *place)
        self._look_up_counts()

    def _container(self, container: AudienceContainer) -> Container:
        steps = self.destination.container(container.key, container.name, container.vendor_id)
        found = self.asker.perform(steps)
        if isinstance(found, Gone):
            text = _("“%(name)s” is no longer at the destination. Ask an administrator to check it there.")
            raise DeliveryError(text % {"name": container.name}, permanent=True)
        if found.vendor_id != container.vendor_id:
            AudienceContainer.objects.filter(pk=container.pk).update(vendor_id=found.vendor_id)
            container.vendor_id = found.vendor_id
        return found

    # -- sending

    def _remove(self, part: Part) -> None:
        container = part.container.pk

        def more(last: Waiting | None) -> list[Waiting]:
            with connection.cursor() as cursor:
                after = last.identity if last else b""
                return ledger.to_remove(cursor, self.run.pk, container, after, READ_AT_ONCE)

        def record(sent: Sent) -> None:
            done = [row.identity for row, outcome in _pairs(sent) if isinstance(outcome, Accepted)]
            with connection.cursor() as cursor:
                ledger.forget(cursor, container, done)
            self._removed += len(done)

        self._removed = 0
        self._send_all(part, Op.REMOVE, more, record)
        part.removed = self._removed

    def _add(self, index: int, part: Part) -> None:
        container, export = part.container.pk, self.run.export_id

        def more(last: Waiting | None) -> list[Waiting]:
            with connection.cursor() as cursor:
                after = (last.seq or 0) if last else 0
                return ledger.to_add(cursor, self.run.pk, container, export, after, READ_AT_ONCE)

        def record(sent: Sent) -> None:
            verdicts = [_verdict(row, outcome) for row, outcome in _pairs(sent)]
            with transaction.atomic():
                with connection.cursor() as cursor:
                    ledger.note(cursor, container, export, verdicts)
                self.standings[index] -= Counter({Standing.ADDING: len(verdicts)})
                self.standings[index].update(verdict.standing for verdict in verdicts)
                self._note_counts(index)
                self.recorder.flush()  # the lease is still ours, or nothing of it is noted

        self._send_all(part, Op.ADD, more, record)

    def _send_all(
        self,
        part: Part,
        op: Op,
        more: Callable[[Waiting | None], Sequence[Waiting]],
        record: Callable[[Sent], None],
    ) -> None:
        """Keep as many batches under way as the target takes; each is recorded as it is acknowledged."""
        container = self.containers[part.container.pk]
        made = batches.batches(more, op, self.destination.operations[op], self.box)
        under_way: set[Future[list[Sent]]] = set()
        with ThreadPoolExecutor(self.destination.in_flight) as senders:
            try:
                for batch in made:
                    self._refuse_stopped()
                    under_way.add(senders.submit(self._sent, batch, container))
                    if len(under_way) >= self.destination.in_flight:
                        under_way = self._collect(under_way, record)
                while under_way:
                    self._refuse_stopped()
                    under_way = self._collect(under_way, record)
            except BaseException:
                self._end_gently(under_way, record)
                raise

    def _sent(self, batch: Batch, container: Container) -> list[Sent]:
        try:
            return batches.send(self.asker, batch, container)
        except (StoppedError, UnacknowledgedError):
            return []  # whether they are there nobody knows: the ledger says ADDING, the next run sends them again

    def _collect(self, under_way: set[Any], record: Callable[[Sent], None]) -> set[Any]:
        done, rest = wait(under_way, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in done:
            for sent in future.result():
                record(sent)
        return rest

    def _end_gently(self, under_way: set[Any], record: Callable[[Sent], None]) -> None:
        """Start nothing more; what is under way has a moment to end and is recorded."""
        self.asker.stopping.set()
        done, late = wait(under_way, timeout=PATIENCE)
        if late:
            self.asker.client.close()
        for future in done:
            if future.exception() is None:
                for sent in future.result():
                    record(sent)

    # -- what is told

    def _note_counts(self, index: int) -> None:
        """Say of the part's records what the ledger says: one place for all that the run tells about them."""
        found, entry = self.standings[index], self.run.items[index]
        entry["unsendable"] = found[Standing.UNSENDABLE]
        entry["processing"] = found[Standing.PROCESSING]
        there = found[Standing.THERE] + found[Standing.SHARED]
        self.recorder.progress(index, there, self.asker.bytes_sent, rejected=found[Standing.REJECTED])

    def _look_up_counts(self) -> None:
        with connection.cursor() as cursor:
            self.standings = [Counter(ledger.count_of(cursor, *part.filling.place)) for part in self.parts]
        for index in range(len(self.parts)):
            self._note_counts(index)
        self.recorder.flush()

    def _told(self) -> Message:
        added, changed, removed = (sum(getattr(part, name) for part in self.parts)
                                   for name in ("added", "changed", "removed"))  # fmt: skip
        words = {"added": added, "changed": changed, "removed": removed}
        return _("%(added)s added, %(changed)s changed, %(removed)s removed") % words

    def _count(self) -> Message:
        """Ask the target; it may count otherwise than Waybill, and later."""
        counts = []
        for container in {part.container.pk: part.container for part in self.parts}.values():
            count = self.asker.perform(self.destination.count(self.containers[container.pk]))
            AudienceContainer.objects.filter(pk=container.pk).update(counted=count, counted_at=Now())
            if count is None:
                return _("The destination does not say")
            counts.append(count)
        return _("%(count)s at the destination") % {"count": self.run.words.count(sum(counts))}

    # -- around it

    @contextmanager
    def _asking(self) -> Iterator[Asker]:
        destination = self.destination
        client = Client(seconds=destination.request_seconds)
        scope = f"{destination.slug} {destination.account()}"
        budget = Budget([Window(f"{scope} {rate.scope}", rate) for rate in destination.rates], open_session)
        asker = Asker(destination, client, budget)
        self._is_interrupted = threading.Event()
        before = signal.signal(signal.SIGTERM, lambda *_args: self._is_interrupted.set())
        try:
            yield asker
        finally:
            signal.signal(signal.SIGTERM, before)
            client.close()
            budget.close()

    def _refuse_stopped(self) -> None:
        if self._is_interrupted.is_set():
            raise InterruptedRunError

    def _drop_plan(self) -> None:
        with connection.cursor() as cursor:
            ledger.drop_plan(cursor, self.run.pk)


def _pairs(sent: Sent) -> Iterator[tuple[Waiting, Any]]:
    return zip(sent.batch.rows, sent.outcomes, strict=True)


def _verdict(row: Waiting, outcome: Any) -> Verdict:
    if isinstance(outcome, Accepted):
        return Verdict(row, Standing.THERE, vendor_id=outcome.vendor_id)
    assert isinstance(outcome, Rejected)
    standing = Standing.REJECTED if outcome.is_permanent else Standing.ADDING
    return Verdict(row, standing, code=outcome.code, words=outcome.words[:LONGEST_WORDS])
