"""How a delivery or a check fails, and the steps of a check."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

from roles.messages import EMPTY, Message
from roles.messages.field import in_json, out_of_json
from roles.net.retry_after import seconds_of

# A message of `roles.messages`, or a text: a lazy one is translated when it is read, a plain one kept as it is.
Text = str | Promise | Message


class DeliveryError(Exception):
    """Why a destination could not be reached or did not take the data.

    `message` is for everyone: no host, path, account or answer of the target in it. `detail` is for
    administrators. `permanent` says that trying again without a change cannot help, `retry_after` how long the
    target asks to be left alone before that: seconds, or the text of its header Retry-After. `silent` says that it
    did not answer in time: its connection then gets one run at a time until it does.
    """

    def __init__(
        self,
        message: Text,
        *,
        detail: Text = "",
        permanent: bool = False,
        retry_after: float | str | None = None,
        silent: bool = False,
    ) -> None:
        super().__init__(message)
        self.silent = silent
        self.message, self.detail, self.permanent = Message.of(message), Message.of(detail), permanent
        self.retry_after = seconds_of(retry_after) if isinstance(retry_after, str) else retry_after


@dataclass(frozen=True)
class CheckStep:
    """One step of a connection test: `state` is "done", "failed", "running" or "not_reached"; `seconds` it took."""

    name: Text
    state: str
    message: Text = EMPTY
    detail: Text = EMPTY
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the step as Connection.check_steps keeps it."""
        said = {"name": self.name, "message": self.message, "detail": self.detail}
        kept = {name: in_json(Message.of(text)) for name, text in said.items()}
        return kept | {"state": self.state, "seconds": self.seconds}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "CheckStep":
        """Return the step that `as_json` made; one of an older version has plain texts."""
        name, message, detail = (out_of_json(kept.get(part)) for part in ("name", "message", "detail"))
        return cls(name, kept["state"], message, detail, kept.get("seconds", 0.0))


# What a step found, for everyone and for administrators; a step that fails raises DeliveryError.
Finding = tuple[Text, Text]


def run_steps(names: Sequence[Text], steps: Sequence[Callable[[], Finding]]) -> Iterator[CheckStep]:
    """Run `steps` one by one, yielding each as it ends; stops after one that raised DeliveryError."""
    for name, step in zip(names, steps, strict=True):
        start = time.monotonic()
        try:
            state, (message, detail) = "done", step()
        except DeliveryError as error:
            state, message, detail = "failed", error.message, error.detail
        yield CheckStep(name, state, message, detail, round(time.monotonic() - start, 3))
        if state == "failed":
            return
