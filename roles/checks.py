"""What `manage.py doctor` looks at: each app adds its own checks to CHECKS when it is ready.

Nothing here needs settings, so that the doctor can speak where they cannot be read. No text holds a secret.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True)
class Finding:
    """What one check found; `advice` is one sentence of what to do, "" when all is well."""

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
    """Return what may become wrong."""
    return Finding("warning", text, advice)


def wrong(text: str, advice: str) -> Finding:
    """Return what keeps Waybill from its work."""
    return Finding("wrong", text, advice)


def register(name: str, check: Check) -> None:
    """Let the doctor call `check`; one that is there already is replaced."""
    CHECKS[:] = [*((other, kept) for other, kept in CHECKS if other != name), (name, check)]
