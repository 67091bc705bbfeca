"""What the exports of an environment may use, by name."""

import difflib
from collections.abc import Collection, Iterable
from functools import cached_property

from django.utils.translation import gettext as _

from connections.models import Connection
from exports.spec.problems import one_line
from roles.access.policy import Access
from roles.models import Environment
from roles.ui.locales import listing
from segments.models import Segment, Table

LONGEST_COMPARED = 200  # characters of a name that a like one is looked for


class Catalogue:
    """Connections, segments and tables of an environment, each loaded once, when first asked for.

    With `access` the connections are those that the user may use; without, all of them. With `segment_ids` it knows
    no other segments.
    """

    def __init__(
        self, environment: Environment, access: Access | None = None, segment_ids: Collection[int] | None = None
    ) -> None:
        self.environment, self.access, self.segment_ids = environment, access, segment_ids

    @cached_property
    def connections(self) -> dict[str, Connection]:
        """The connections by name, in the order of their names."""
        everything = Connection.objects.filter(environment=self.environment)
        found = Connection.objects.usable_by(self.access) if self.access else everything
        return {one.name: one for one in found.order_by("name")}

    @cached_property
    def segments(self) -> dict[str, Segment]:
        """The segments by name. Those of one table share it, and its fields."""
        found = self.environment.segments.prefetch_related("table__fields").order_by("name")
        if self.segment_ids is not None:
            found = found.filter(pk__in=self.segment_ids)
        return {one.name: one for one in found}

    @cached_property
    def tables(self) -> dict[str, Table]:
        """The tables by name."""
        return {one.name: one for one in self.environment.tables.order_by("name")}


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Ask for one of `names` that is like `name`; "" where none is."""
    if len(name) > LONGEST_COMPARED:
        return ""
    by_folded = {one.casefold(): one for one in names}
    like = difflib.get_close_matches(name.casefold(), by_folded, n=3)
    if not like:
        return ""
    quoted = listing([f"“{one_line(by_folded[one])}”" for one in like], "or")
    return _("Did you mean %(names)s?") % {"names": quoted}
