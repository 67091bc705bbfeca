"""The checks of `manage.py doctor`; each app adds its own to CHECKS when it is ready.

Nothing here needs settings, so that the doctor can speak where they cannot be read. No text holds a secret.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True)
class Finding:
    """What one check found; `advice` is one sentence of what to do, "" if all is well."""

    state: State
    text: str
    advice: str = ""


Check = Callable[[], Finding]

# (name, check); a check may ask the database and is not called while that does not answer.
CHECKS: list[tuple[str, Check]] = []


def ok(text: str) -> Finding:
    """Return that all is well."""
    return Finding("ok", text)


def warning(text: str, advice: str) -> Finding:
    """Return a finding about something that may go wrong later."""
    return Finding("warning", text, advice)


def wrong(text: str, advice: str) -> Finding:
    """Return a finding about something that keeps Waybill from working."""
    return Finding("wrong", text, advice)


def register(name: str, check: Check) -> None:
    """Add `check` to the doctor's checks; it replaces one of the same name."""
    CHECKS[:] = [*((other, kept) for other, kept in CHECKS if other != name), (name, check)]
