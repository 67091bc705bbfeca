"""Signals to the packages above this one, which it does not import."""

from django.dispatch import Signal

# `schedule`, of an export or of a system refresh, cannot be followed and was switched off by itself; its `problem` says
# why. Sent in the transaction that did it.
switched_off = Signal()
