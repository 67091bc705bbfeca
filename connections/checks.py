"""Test connection: the destination's own steps, within an overall deadline."""

import logging
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Thread

from django.utils.translation import gettext as _

from connections.destinations.base import CheckStep, Destination
from connections.models import Connection
from roles.secrets import UnreadableSecretError

DEADLINE_SECONDS = 20.0

logger = logging.getLogger(__name__)


def run_check(connection: Connection, deadline: float = DEADLINE_SECONDS) -> list[CheckStep]:
    """Return every step of the check, in at most `deadline` seconds."""
    try:
        destination = connection.open()
    except UnreadableSecretError as error:
        return [CheckStep(_("Read the stored secret"), "failed", str(error))]
    except KeyError:
        return [
            CheckStep(
                _("Find the connection type"),
                "failed",
                _("Waybill no longer has this connection type. Whoever operates Waybill can install it again."),
            )
        ]
    done = list(_within(destination, deadline))
    rest = destination.check_steps[len(done) :]
    return done + [CheckStep(str(name), "not_reached") for name in rest]


def _within(destination: Destination, deadline: float) -> Iterator[CheckStep]:
    """Yield steps as they end. One that does not end is left to its own time limits, in its thread."""
    answers: SimpleQueue[CheckStep | None] = SimpleQueue()
    Thread(target=_work, args=(destination, answers), daemon=True).start()
    end = time.monotonic() + deadline
    names = iter(destination.check_steps)
    while True:
        try:
            step = answers.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            message = _(
                "No answer within %(seconds)d seconds. Check the settings, and whether the target is running."
            ) % {"seconds": deadline}
            yield CheckStep(str(next(names)), "failed", message, "", deadline)
            return
        if step is None:
            return
        next(names)
        yield step


def _work(destination: Destination, answers: "SimpleQueue[CheckStep | None]") -> None:
    names = iter(destination.check_steps)
    try:
        for step in destination.check():
            next(names)
            answers.put(step)
    except Exception as error:
        logger.exception("The check of a %s connection broke", destination.slug)
        message = _("Something unexpected went wrong in Waybill. Whoever operates it finds the reason in the log.")
        answers.put(CheckStep(str(next(names)), "failed", message, type(error).__name__))
    finally:
        answers.put(None)
