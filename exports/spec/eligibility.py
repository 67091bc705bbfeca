"""Which segments an export may send, by what its connection type declares."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from connections.destinations.base import Destination, TargetField
from roles.kinds import ProfileKind, SemanticType
from roles.ui.locales import listing
from roles.ui.words import number
from segments.models import Segment
from segments.projection import projected

NOT_TAKEN = {
    ProfileKind.CUSTOMER: gettext_lazy("%(type)s doesn't accept customer segments."),
    ProfileKind.ACCOUNT: gettext_lazy("%(type)s doesn't accept account segments."),
    ProfileKind.CONTACT: gettext_lazy("%(type)s doesn't accept contact segments."),
}
Settings = dict[str, Any]


class Eligibility:
    """Which segments fit a connection type with an export's settings; without a type every one fits.

    What decides is a segment's table and what it projects, so each such pair is judged once: a list of hundreds
    costs no more queries than one segment.
    """

    def __init__(self, destination: type[Destination] | None, settings: Settings) -> None:
        self.destination, self.settings = destination, settings
        self._reasons: dict[tuple[int, tuple[str, ...]], str] = {}

    def why_not(self, segment: Segment) -> str:
        """Say why the type does not take `segment`; "" when it does."""
        if self.destination is None:
            return ""
        pair = (segment.table_id, tuple(sorted(segment.projected_fields)))
        if pair not in self._reasons:
            self._reasons[pair] = why_not(segment, self.destination, self.settings)
        return self._reasons[pair]

    def is_projected(self, segment: Segment) -> bool:
        """Whether the contacts of an account segment go out in its place."""
        return self.destination is not None and is_projected(segment, self.destination, self.settings)

    @property
    def takes_contacts(self) -> bool:
        """Whether segments of contacts can be sent."""
        return self.destination is not None and ProfileKind.CONTACT in self.destination.takes_for(self.settings)

    def remedy(self, segments: Sequence[Segment]) -> str:
        """Say how account segments that do not fit can still be sent: by their contacts; "" where they cannot."""
        if not self.takes_contacts:
            return ""
        accounts = [one for one in segments if one.table.profile_kind == ProfileKind.ACCOUNT and self.why_not(one)]
        if not accounts:
            return ""
        return _("To send the contacts of an account segment, open the segment and choose fields of its contacts.")

    def warning(self, segment: Segment) -> str:
        """Say that `segment` is over or under the type's limits; "" when it is not."""
        return warning(segment, self.destination, self.settings) if self.destination else ""

    def total_warning(self, chosen: Sequence[Segment]) -> str:
        """Say that the chosen segments together are over the type's limit; "" when they are not."""
        return total_warning(chosen, self.destination, self.settings) if self.destination else ""


def why_not(segment: Segment, destination: type[Destination], settings: Settings) -> str:
    """Say why `destination`, with the export's `settings`, does not take `segment`; "" when it does."""
    if not is_taken(segment, destination, settings):
        return str(NOT_TAKEN[ProfileKind(segment.table.profile_kind)]) % {"type": destination.label}
    missing = _missing(segment, destination, settings)
    if not missing:
        return ""
    names = listing([str(field.label) for field in missing])
    return _("%(type)s needs %(fields)s, but no field of this segment provides it.") % {
        "type": destination.label,
        "fields": names,
    }


def is_taken(segment: Segment, destination: type[Destination], settings: Settings) -> bool:
    """Whether the destination takes profiles of the segment's kind, or the contacts that it projects."""
    takes = destination.takes_for(settings)
    return segment.table.profile_kind in takes or is_projected(segment, destination, settings)


def is_projected(segment: Segment, destination: type[Destination], settings: Settings) -> bool:
    """Whether the contacts of an account segment go out in the place of its accounts."""
    takes = destination.takes_for(settings)
    return (
        segment.table.profile_kind == ProfileKind.ACCOUNT
        and ProfileKind.ACCOUNT not in takes
        and ProfileKind.CONTACT in takes
        and bool(segment.projected_fields)
    )


def warning(segment: Segment, destination: type[Destination], settings: Settings | None = None) -> str:
    """Say that the segment alone is too big or too small for the destination; "" when it fits or is not counted.

    With the export's `settings` nothing is said of accounts whose contacts go out: only the run counts those.
    """
    count, limits = _count(segment, destination, settings), destination.limits
    if count is None:
        return ""
    words = {"type": destination.label, "count": number(count)}
    if limits.most_profiles is not None and count > limits.most_profiles:
        return _("%(count)s members: over the limit of %(most)s profiles per export for %(type)s.") % (
            words | {"most": number(limits.most_profiles)}
        )
    if limits.least_profiles_per_segment is not None and count < limits.least_profiles_per_segment:
        return _(
            "%(count)s members: under the minimum of %(least)s per segment for %(type)s; it would be left out."
        ) % (words | {"least": number(limits.least_profiles_per_segment)})
    return ""


def total_warning(segments: Sequence[Segment], destination: type[Destination], settings: Settings | None = None) -> str:
    """Say that the chosen segments together may hold too many profiles; "" when they do not, or one alone does."""
    most = destination.limits.most_profiles
    counts = [_count(segment, destination, settings) or 0 for segment in segments]
    total = sum(counts)
    if most is None or total <= most or any(count > most for count in counts):
        return ""
    many = ngettext(
        "The chosen segment has %(total)s members; %(type)s accepts %(most)s profiles per export. ",
        "The chosen segments have %(total)s members in total; %(type)s accepts %(most)s profiles per export. ",
        len(segments),
    )
    skipped = _("A larger run is skipped, and nothing is sent.")
    return many % {"total": number(total), "type": destination.label, "most": number(most)} + skipped


def _count(segment: Segment, destination: type[Destination], settings: Settings | None) -> int | None:
    """How many profiles the segment sends; None where only a run can tell."""
    if settings is not None and is_projected(segment, destination, settings):
        return None
    return segment.member_count


def _missing(segment: Segment, destination: type[Destination], settings: Settings) -> list[TargetField]:
    """The fields that the target requires and that no field of the segment's profiles can fill."""
    required = [field for field in destination.target_fields_for(settings) if field.is_required]
    if not required:
        return []
    # What goes out are the contacts: what is said of their account, its switchboard say, is not about them.
    if is_projected(segment, destination, settings):
        held = {field.semantic_type for field in projected(segment)}
    else:
        held = set(segment.table.fields.order_by().values_list("semantic_type", flat=True))
    return [field for field in required if field.semantic_type not in held - {SemanticType.NONE}]
