"""Messages: what people are told, kept as a text of the catalogue with its parameters; words are made where it is read.

    from roles.messages import said as _

    _("The segment “%(name)s” could not be refreshed: %(why)s") % {"name": segment, "why": error.message}

It reads as in modules that show what they say at once. `_` and `ngettext` are what makemessages looks for, so modules
that record call `said` and `said_many` by those names.
"""

from roles.messages.error import SaidError
from roles.messages.message import (
    EMPTY,
    Listed,
    Message,
    Month,
    Weekday,
    enumerated,
    joined,
    listed,
    personal,
    said,
    said_many,
    verbatim,
)

__all__ = [
    "EMPTY",
    "Listed",
    "Message",
    "Month",
    "SaidError",
    "Weekday",
    "enumerated",
    "joined",
    "listed",
    "personal",
    "said",
    "said_many",
    "verbatim",
]
