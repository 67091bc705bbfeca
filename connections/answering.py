"""Whether the target of a connection answers: told by the runs that go there, kept in the connection's row.

The first run that waits for an answer notes since when; any answer, also a refusal, clears that. A run that comes
while another one waits lets that one find out: it waits for a moment, then goes back to the queue, so that a target
which does not answer never keeps more than one worker waiting.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models.functions import Coalesce, Now

from connections.destinations.base import DeliveryError
from connections.models import ANSWERS_WITHIN, Connection
from roles.messages import Message
from roles.messages import said as _

LOOK_EVERY = 0.1  # seconds


class SilentTargetError(Exception):
    """Another run waits for an answer of the same target already."""


def words_for(name: str) -> Message:
    """Return why runs of the connection `name` wait."""
    return _("“%(name)s” did not answer; one run at a time until it does") % {"name": name}


@contextmanager
def asked(connection: int | None, is_asked_by_another: Callable[[], bool]) -> Iterator[None]:
    """Note how the target answers to what is done inside. Raises SilentTargetError before anything is."""
    is_first = _ask(connection, is_asked_by_another)
    try:
        with noted(connection):
            yield
    except DeliveryError:
        raise
    except Exception:  # for reasons of its own, held by the brakes, say
        if is_first:
            answered(connection)
        raise
    answered(connection)


@contextmanager
def noted(connection: int | None) -> Iterator[None]:
    """Note what a failure inside says: that the target did not answer, or that it did."""
    try:
        yield
    except DeliveryError as error:
        if error.silent:
            _row(connection).update(unanswered_since=Coalesce("unanswered_since", Now()))
        else:
            answered(connection)
        raise


def answered(connection: int | None) -> None:
    """Note that the target of the connection answers."""
    _row(connection).exclude(unanswered_since=None).update(unanswered_since=None)


def _ask(connection: int | None, is_asked_by_another: Callable[[], bool]) -> bool:
    """Note that an answer is waited for, and return True; False where an earlier run did, and is gone.

    While another one waits for it, so does this one, for a moment.
    """
    end = time.monotonic() + ANSWERS_WITHIN.total_seconds()
    while not _row(connection).filter(unanswered_since=None).update(unanswered_since=Now()):
        if not is_asked_by_another():
            return False
        if time.monotonic() > end:
            raise SilentTargetError
        time.sleep(LOOK_EVERY)
    return True


def _row(connection: int | None) -> Any:
    return Connection.objects.filter(pk__in=[connection] if connection else [])
