"""What may be chosen in one check list of the pane, and what is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from segments.models import Segment, Table

One = TypeVar("One", Segment, Table)


@dataclass
class Choice(Generic[One]):
    """One check list: `name` is that of its inputs, `chosen` is in the order of choosing."""

    name: str
    offered: list[One]
    chosen: list[One]

    @property
    def chosen_first(self) -> list[One]:
        """All that is offered: what was chosen when the pane was made stands first."""
        return self.chosen + [one for one in self.offered if one not in self.chosen]

    def offer_only_chosen(self) -> None:
        """Leave out everything else, for those who may only view."""
        self.offered = self.chosen


def choose(name: str, offered: Sequence[One], ids: Iterable[int]) -> Choice[One]:
    """Return the choice of `ids`; those that are not offered, another environment's among them, are left out."""
    by_id = {one.pk: one for one in offered}
    return Choice(name, list(offered), [by_id[key] for key in dict.fromkeys(ids) if key in by_id])
