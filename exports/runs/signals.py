"""Signals to the packages above this one, which it does not import."""

from django.dispatch import Signal

# `run` went from the state `before` ("": it is new) to the one it has now. Sent in the transaction of the change:
# a receiver that fails undoes it. The sender is SystemRefresh for a run that belongs to one, and Run for all others.
run_changed = Signal()
