"""The signals by which this app tells the apps above it about changes."""

from django.dispatch import Signal

# An import found no column `name` for a field of `table`. Receivers answer who needs it and what to do, "" if nobody.
field_removed = Signal()

# An import gave the field `name` of `table` another type. Receivers answer who sends it, "" if nobody.
field_retyped = Signal()
