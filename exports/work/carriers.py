"""What carries the items of a run to a destination: a carrier for each kind of destination.

`exports.work.execute` knows the order: check, plan, send, finish, settle. What each of them is, a carrier knows alone.
A carrier whose target shows things one by one begins that with `queue.begin_publishing`; a later claim of the same run
asks it first to `complete` what the one before began.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, ClassVar

import psycopg

from connections import answering
from connections.destinations.base import DeliveryError, Destination
from connections.models import Connection
from exports.models import Run
from exports.work.brakes import Removals
from exports.work.errors import RunError
from exports.work.plan import RunPlan
from exports.work.record import Recorder
from roles.messages import EMPTY, Message
from roles.messages import said as _
from roles.secrets.references import MissingSecretError
from roles.secrets.store import OtherServerError, UnreadableSecretError

Step = tuple[str, Message]  # key, label
Reader = psycopg.Connection[Any]

_carriers: dict[type[Destination], type["Carrier"]] = {}


@dataclass(frozen=True)
class Arrival:
    """How many of the things that a run began to publish are at the target now, of how many.

    `refusal` says why the target will not take the others.
    """

    count: int
    of: int
    refusal: Message = EMPTY

    @property
    def is_whole(self) -> bool:
        """Whether the run is delivered."""
        return self.count == self.of

    @property
    def words(self) -> Message:
        """Say it."""
        return _("%(count)s of %(of)s arrived") % {"count": self.count, "of": self.of}


class Carrier:
    """One run's way to a destination. What an end without success has to undo lies on `stack`.

    `grace` is how many seconds a run that is told to end has for that.
    """

    grace: ClassVar[float] = 1.0

    def __init__(self, recorder: Recorder, planned: RunPlan, destination: Any, stack: ExitStack) -> None:
        self.recorder, self.run, self.planned = recorder, recorder.run, planned
        self.destination, self.stack = destination, stack

    @classmethod
    def steps(cls, run: Run) -> list[Step]:
        """Return the steps after the check; `send` and `finish` take them, each by its key."""
        name = run.export.connection.name if run.export.connection else _("the destination")
        send = _("Send a test to %(connection)s") if run.most_rows else _("Send to %(connection)s")
        return [("send", send % {"connection": name})]

    def plan(self, reader: Reader) -> Removals | None:
        """Find out, in the run's snapshot, what goes out and what is removed; nothing leaves yet."""

    def expected(self, total: int | None) -> Message:
        """Return the words for what goes out: `total` of them, where that is known."""
        return EMPTY if total is None else self.run.words.count(total)

    def send(self, reader: Reader) -> None:
        """Read the items in the run's snapshot and send them."""
        raise NotImplementedError

    def answered(self) -> None:
        """Note that the target answers, so that other runs may go there, too; `send` calls it as soon as it knows."""
        answering.answered(self.run.export.connection_id)

    def finish(self) -> None:
        """Do what comes after sending and does not need the snapshot; the run succeeds when this returns."""

    def complete(self) -> Arrival:
        """Look at what an attempt before began to publish, and complete it without reading anything again.

        Instead of plan, send and finish. Raises DeliveryError until the target has answered.
        """
        return Arrival(0, 1)

    def settle(self) -> None:
        """Clean up once the success is recorded; a run that dies before leaves that to the next one."""


def destination_of(connection: Connection | None) -> Destination:
    """Return what the connection of an export leads to, its secrets in hand.

    Raises RunError, or DeliveryError for a missing secret.
    """
    if connection is None:
        raise RunError(_("The export has no connection. Edit it and choose one."), reason=_("No connection"))
    try:
        return connection.open()
    except KeyError:
        message = _("Waybill no longer has the connection type of “%(name)s”. Ask an administrator.")
        raise RunError(message % {"name": connection.name}, reason=_("Unknown type")) from None
    except MissingSecretError as error:
        message = _("The secret that the connection refers to is missing. Ask an administrator.")
        raise DeliveryError(message, detail=error.message, permanent=error.is_permanent) from error
    except OtherServerError as error:
        message = _("The secret of the connection belongs to another server. Ask an administrator to enter it again.")
        raise RunError(message, reason=error.title) from error
    except UnreadableSecretError as error:
        message = _("The secret of the connection cannot be read. Ask an administrator to enter it again.")
        raise RunError(message, reason=error.title) from error


def register(kind: type[Destination], carrier: type[Carrier]) -> None:
    """Have `carrier` carry to destinations of this kind, except those of a narrower kind with one of its own."""
    _carriers[kind] = carrier


def carrier_of(destination: type[Destination]) -> type[Carrier]:
    """Return what carries to `destination`. Raises LookupError where nothing does."""
    for kind in destination.__mro__:
        if kind in _carriers:
            return _carriers[kind]
    raise LookupError(f"No carrier is registered for {destination.__name__}.")
