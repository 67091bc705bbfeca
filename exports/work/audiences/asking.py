"""Asks the target: what a destination yields is sent, within the rates, and again if it may pass."""

import logging
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TypeVar

from connections.destinations.base import DeliveryError
from connections.destinations.base.audiences import AudienceDestination, Request, Response, Steps
from connections.destinations.http import Client, LostAnswerError, as_delivery_error
from exports.work.audiences.budget import Budget
from roles.messages import said as _
from roles.messages import verbatim
from roles.net.retry_after import seconds_of

logger = logging.getLogger(__name__)

T = TypeVar("T")
FIRST_WAIT, MOST_WAIT, MOST_TRYING = 1.0, 60.0, 300.0  # seconds
SERVER_ERROR = 500


class StoppedError(Exception):
    """The run stops: nothing more is asked."""


class UnacknowledgedError(Exception):
    """A request may have arrived, but no answer came, and sending it again is not safe."""


@dataclass
class Asker:
    """Performs the steps of a destination; used by all sending threads of a run."""

    destination: AudienceDestination
    client: Client
    budget: Budget
    stopping: threading.Event = field(default_factory=threading.Event)
    requests: int = 0
    bytes_sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def perform(self, steps: Steps[T]) -> T:
        """Return what `steps` return. Raises DeliveryError, StoppedError, UnacknowledgedError."""
        try:
            request = next(steps)
            while True:
                request = steps.send(self.ask(request))
        except StopIteration as ended:
            return ended.value

    def ask(self, request: Request) -> Response:
        """Return the answer to one request; answers that mean "later" are waited out."""
        started, wait = time.monotonic(), FIRST_WAIT
        while True:
            error, asked_for = None, None
            try:
                response = self._ask_once(request)
                if not self._is_passing(response):
                    return response
                asked_for = seconds_of(response.headers.get("retry-after", ""))
            except LostAnswerError as lost:
                if lost.is_sent and not request.is_repeatable:
                    raise UnacknowledgedError from lost
                error, response = as_delivery_error(lost), None
            pause = asked_for if asked_for is not None else wait * random.uniform(0.7, 1.3)  # noqa: S311
            if time.monotonic() - started + pause > MOST_TRYING:
                raise error or _busy(response, asked_for)
            if asked_for is not None:
                self.budget.slow_down(asked_for)
            if self.stopping.wait(pause):
                raise StoppedError
            wait = min(wait * 2, MOST_WAIT)

    def _ask_once(self, request: Request) -> Response:
        if not self.budget.wait(self.stopping):
            raise StoppedError
        body = request.encoded()
        response = self.client.send(request)
        with self._lock:
            self.requests += 1
            self.bytes_sent += len(body or b"")
        logger.info("%s %s: %s", request.method, request.url.partition("?")[0], response.status)
        return response

    def _is_passing(self, response: Response) -> bool:
        return response.status >= SERVER_ERROR or response.status in self.destination.passing


def _busy(response: Response | None, retry_after: float | None) -> DeliveryError:
    status = response.status if response else 0
    message = _("The destination is busy and asks to be tried again later.")
    return DeliveryError(message, detail=verbatim(f"HTTP {status}"), retry_after=retry_after)
