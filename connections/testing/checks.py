"""What a test of a connection does: the destination's steps, within an overall deadline."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread

from connections.destinations.base import CheckStep, Destination, Text
from connections.models import Connection
from roles.messages import Message, verbatim
from roles.messages import said as _
from roles.secrets.store import UnreadableSecretError

DEADLINE_SECONDS = 30.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Check:
    """The state of a check: all of its steps, and at its end when the target's token expires, if told."""

    steps: list[CheckStep]
    expires_at: datetime | None = None

    @property
    def is_ok(self) -> bool:
        """Whether every step was done."""
        return all(step.state == "done" for step in self.steps)


@dataclass(frozen=True)
class _End:
    expires_at: datetime | None = None


def walk(connection: Connection, deadline: float = DEADLINE_SECONDS) -> Iterator[Check]:
    """Yield the state of the check as each step begins, and at its end, in at most `deadline` seconds."""
    try:
        destination = connection.open()
    except UnreadableSecretError as error:
        yield _failed(_("Read the stored secret"), error.message)
    except KeyError:
        text = _("Waybill no longer has this connection type. Ask your Waybill operator to install it again.")
        yield _failed(_("Find the connection type"), text)
    else:
        yield from _walk(destination, deadline)


def _failed(step: Message, message: Message) -> Check:
    return Check([CheckStep(step, "failed", message)])


def _walk(destination: Destination, deadline: float) -> Iterator[Check]:
    ended: list[CheckStep] = []
    names = list(destination.check_steps)
    yield Check(_standing(names, ended, "running"))
    for answer in _within(destination, deadline):
        if isinstance(answer, _End):
            yield Check(_standing(names, ended, "not_reached"), answer.expires_at)
            return
        ended.append(answer)
        is_over = answer.state == "failed" or len(ended) == len(names)
        yield Check(_standing(names, ended, "not_reached" if is_over else "running"))


def _standing(names: list[Text], ended: list[CheckStep], state: str) -> list[CheckStep]:
    """Return all steps: the ended ones, the current one in `state`, and those to come."""
    rest = [CheckStep(name, "not_reached") for name in names[len(ended) :]]
    if rest:
        rest[0] = CheckStep(rest[0].name, state)
    return ended + rest


def _within(destination: Destination, deadline: float) -> Iterator[CheckStep | _End]:
    """Yield steps as they end. One that does not end is left to its own time limits, in its thread."""
    answers: SimpleQueue[CheckStep | _End] = SimpleQueue()
    Thread(target=_work, args=(destination, answers), daemon=True).start()
    end = time.monotonic() + deadline
    names = iter(destination.check_steps)
    while True:
        try:
            answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            yield from (_too_long(name, deadline) for name in list(names)[:1])
            yield _End()
            return
        yield answer
        if isinstance(answer, _End):
            return
        next(names, None)


def _too_long(name: Text, deadline: float) -> CheckStep:
    message = _(
        "Took too long: no answer within %(seconds)d seconds. Check the settings, and whether the destination is "
        "running."
    ) % {"seconds": deadline}
    return CheckStep(name, "failed", message, seconds=deadline)


def _work(destination: Destination, answers: "SimpleQueue[CheckStep | _End]") -> None:
    names = iter(destination.check_steps)
    expires_at = None
    try:
        for step in destination.check():
            next(names)
            answers.put(step)
        expires_at = destination.expires_at()
    except Exception as error:
        logger.exception("The check of a %s connection broke", destination.slug)
        message = _("Unexpected error in Waybill. Ask your Waybill operator; the log has the cause.")
        name = next(names, None)
        if name is not None:  # else everything was tried, and only the date is not known
            answers.put(CheckStep(name, "failed", message, verbatim(type(error).__name__)))
    finally:
        answers.put(_End(expires_at))
