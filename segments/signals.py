"""The signals by which this app tells the apps above it about changes."""

from typing import NamedTuple

from django.dispatch import Signal


class NextStep(NamedTuple):
    """An export `name` (its id is `key`) that can use the segment: a post to `url` says `use` and `instead`."""

    name: str
    url: str
    key: int


# An import found no column `name` for a field of `table`. Receivers answer who needs it and what to do, "" if nobody.
field_removed = Signal()

# A segment is about to change from `old` to `new`, both Segment. Receivers answer what that does, as a list of
# roles.ui.consequences.Consequence.
segment_changing = Signal()

# A contact `segment` was made like the account segment `accounts`, by whoever has `access`. Receivers answer where it
# can be used now in its place, as a list of NextStep.
contact_segment_made = Signal()

# An import gave the field `name` of `table` another type. Receivers answer who sends it, "" if nobody.
field_retyped = Signal()
