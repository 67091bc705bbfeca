"""What this room tells those above it, which it does not know."""

from django.dispatch import Signal

# `schedule`, of an export or of a system refresh, cannot be followed and was switched off by itself; its `problem` says
# why. Sent in the transaction that did it.
switched_off = Signal()
