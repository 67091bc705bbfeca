"""Which segments fit the chosen connection type with the settings that are typed now."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from connections.destinations.base import Destination
from exports.spec import eligibility
from roles.kinds import ProfileKind
from segments.models import Segment


class Fitting:
    """Judges segments; without a connection type every one fits.

    What decides is a segment's table and what it projects, so each such pair is judged once: a list of hundreds
    costs no more queries than one segment.
    """

    def __init__(self, destination: type[Destination] | None, settings: dict[str, Any]) -> None:
        self.destination, self.settings = destination, settings
        self._reasons: dict[tuple[int, tuple[str, ...]], str] = {}

    def why_not(self, segment: Segment) -> str:
        """Say why the type does not take `segment`; "" when it does."""
        if self.destination is None:
            return ""
        pair = (segment.table_id, tuple(sorted(segment.projected_fields)))
        if pair not in self._reasons:
            self._reasons[pair] = eligibility.why_not(segment, self.destination, self.settings)
        return self._reasons[pair]

    def is_projected(self, segment: Segment) -> bool:
        """Tell whether the contacts of an account segment go out in its place."""
        type_ = self.destination
        return type_ is not None and eligibility.is_projected(segment, type_, self.settings)

    def way_out(self, segments: Sequence[Segment]) -> str:
        """Say how account segments that do not fit can still be sent: by their contacts; "" where that is no way."""
        type_ = self.destination
        if type_ is None or ProfileKind.CONTACT not in type_.takes_for(self.settings):
            return ""
        accounts = [one for one in segments if one.table.profile_kind == ProfileKind.ACCOUNT and self.why_not(one)]
        if not accounts:
            return ""
        return _("To send the contacts of an account segment, open the segment and choose fields of its contacts.")

    def warning(self, segment: Segment) -> str:
        """Say that `segment` is over or under the type's limits; "" when it is not."""
        return eligibility.warning(segment, self.destination, self.settings) if self.destination else ""

    def total_warning(self, chosen: Sequence[Segment]) -> str:
        """Say that the chosen segments together are over the type's limit; "" when they are not."""
        return eligibility.total_warning(chosen, self.destination, self.settings) if self.destination else ""

    def refusal(self, chosen: Sequence[Segment]) -> str:
        """Say which of the chosen segments do not fit and what to do; "" when all do."""
        names = [segment.name for segment in chosen if self.why_not(segment)]
        if not names:
            return ""
        return _("Not eligible: %(names)s. Uncheck them, or choose another connection.") % {"names": ", ".join(names)}
