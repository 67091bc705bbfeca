"""How a delivery or a check goes wrong, and the steps in which it does."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.functional import Promise

from roles.net.retry_after import seconds_of

Text = str | Promise


class DeliveryError(Exception):
    """Why a destination could not be reached or did not take the data.

    `message` is for everyone: no host, path, account or answer of the target in it. `detail` is for
    administrators. `permanent` says that trying again without a change cannot help, `retry_after` how long the
    target asks to be left alone before that: seconds, or the text of its header Retry-After.
    """

    def __init__(
        self, message: Text, *, detail: Text = "", permanent: bool = False, retry_after: float | str | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.detail, self.permanent = str(message), str(detail), permanent
        self.retry_after = seconds_of(retry_after) if isinstance(retry_after, str) else retry_after


@dataclass(frozen=True)
class CheckStep:
    """One step of a connection test: `state` is "done", "failed", "running" or "not_reached"; `seconds` it took."""

    name: str
    state: str
    message: str = ""
    detail: str = ""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the step as Connection.check_steps keeps it."""
        return asdict(self)


# What a step found, for everyone and for administrators; a step that fails raises DeliveryError.
Finding = tuple[Text, Text]


def run_steps(names: Sequence[Text], steps: Sequence[Callable[[], Finding]]) -> Iterator[CheckStep]:
    """Do `steps` one by one, yielding each as it ends; stops after one that raised DeliveryError."""
    for name, step in zip(names, steps, strict=True):
        start = time.monotonic()
        try:
            state, (message, detail) = "done", step()
        except DeliveryError as error:
            state, message, detail = "failed", error.message, error.detail
        yield CheckStep(str(name), state, str(message), str(detail), round(time.monotonic() - start, 3))
        if state == "failed":
            return
