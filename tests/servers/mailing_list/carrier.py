"""How a run gets to the lists: what differs from who is there already goes out in batches. No ledger, no matching."""

from collections.abc import Iterator, Sequence
from typing import Any

from exports.models import Run
from exports.work.brakes import Removals
from exports.work.carriers import Carrier, Reader, Step, register
from exports.work.plan import Item
from tests.servers.mailing_list.destination import MailingList
from tests.servers.mailing_list.server import MOST, Person


class ListCarrier(Carrier):
    """Removes those who left, adds and changes the others; what the list took stays there."""

    destination: MailingList

    @classmethod
    def steps(cls, run: Run) -> list[Step]:
        return [*super().steps(run), ("count", "Count who is in the list")]

    def plan(self, reader: Reader) -> Removals:
        """Compare the members with the list: nothing is sent twice, whatever became of the attempt before."""
        self.wanted = [self._people(item, reader) for item in self.planned.items]
        self.known = [self.destination.people_of(item.name) for item in self.planned.items]
        self.answered()
        left = sum(len(known.keys() - wanted) for known, wanted in zip(self.known, self.wanted, strict=True))
        return Removals(0 if self.run.most_rows else left, of=sum(map(len, self.known)))

    def send(self, reader: Reader) -> None:
        with self.recorder.step("send"):
            self.bytes = 0
            for index in range(len(self.wanted)):
                self._send(index)

    def finish(self) -> None:
        with self.recorder.step("count") as step:
            count = sum(len(self.destination.people_of(item.name)) for item in self.planned.items)
            step["note"] = f"{self.run.words.count(count)} in the list"

    def _send(self, index: int) -> None:
        wanted, known, name = self.wanted[index], self.known[index], self.planned.items[index].name
        new = [person for email, person in wanted.items() if known.get(email) != person]
        gone = [] if self.run.most_rows else sorted(known.keys() - wanted)
        sent, refused = len(wanted) - len(new), 0
        self._note(index, sent, refused)
        for emails in _batches(gone):
            self._batch(name, add=[], remove=emails)
        for people in _batches(new):
            rejected = self._batch(name, add=people, remove=[])
            sent, refused = sent + len(people) - len(rejected), refused + len(rejected)
            self._note(index, sent, refused)

    def _batch(self, name: str, **batch: Any) -> set[str]:
        rejected, size = self.destination.send(name, batch)
        self.bytes += size
        return rejected

    def _note(self, index: int, sent: int, refused: int) -> None:
        """Record what the list has acknowledged, at once."""
        self.recorder.progress(index, sent, self.bytes, rejected=refused)
        self.recorder.flush()

    def _people(self, item: Item, reader: Reader) -> dict[str, Person]:
        """Return the members by e-mail address, with the fields that the list takes."""
        rows = reader.execute(item.query(self.run.most_rows)).fetchall()
        places = {
            target.name: place
            for target in self.destination.target_fields
            for place, column in enumerate(item.columns)
            if column.field.semantic_type == target.semantic_type
        }
        people = [{name: str(row[place]) for name, place in places.items() if row[place] is not None} for row in rows]
        return {person["EMAIL"]: person for person in people if "EMAIL" in person}


def _batches(things: Sequence[Any]) -> Iterator[list[Any]]:
    return (list(things[at : at + MOST]) for at in range(0, len(things), MOST))


register(MailingList, ListCarrier)
