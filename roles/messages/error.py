"""Errors that tell people why."""

from typing import Any

from roles.messages.message import Message


class SaidError(Exception):
    """Why something cannot be done, as `message`. Its text, which tracebacks print, holds no person's value."""

    def __init__(self, message: Any) -> None:
        super().__init__(message)
        self.message = Message.of(message)

    def __str__(self) -> str:
        return str(self.message.masked())
