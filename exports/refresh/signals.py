"""Signals to the packages above this one, which it does not import."""

from django.dispatch import Signal

# The system refresh `refresh` came to the state it has now, or was asked for or canceled. Sent in the transaction of
# the change: a receiver that fails undoes it.
refresh_changed = Signal()
