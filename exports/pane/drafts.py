"""Drafts: what is typed in the pane, stored in the session while an administrator adds a connection."""

import secrets

from django.contrib.sessions.backends.base import SessionBase
from django.http import QueryDict

KEY = "export_drafts"
MOST, LARGEST = 5, 200_000  # drafts of a session, bytes of each
# Not the pane's content: what the browser proves itself with, and which button was pressed.
BUTTONS = ("csrfmiddlewaretoken", "add_connection", "then", "draft", "move", "kept", "fields_of", "fields_shown")


class TooLargeError(Exception):
    """The draft is too large for a session."""


def store(session: SessionBase, data: QueryDict, path: str) -> str:
    """Store what was typed in the pane at `path`; return a token for it. Raises TooLargeError."""
    typed = data.copy()
    for name in BUTTONS:
        typed.pop(name, None)
    text = typed.urlencode()
    if len(text) > LARGEST:
        raise TooLargeError
    token = secrets.token_urlsafe(16)
    session[KEY] = [*session.get(KEY, []), [token, path, text]][-MOST:]
    return token


def discard(session: SessionBase, token: str) -> None:
    """Remove the draft of `token`, which was saved or stored anew."""
    others = [one for one in session.get(KEY, []) if one[0] != token]
    if len(others) < len(session.get(KEY, [])):
        session[KEY] = others


def load(session: SessionBase, token: str, path: str) -> QueryDict | None:
    """Return the draft of the pane at `path`, as a mutable QueryDict; None if `token` is unknown there or too old."""
    for own, where, text in session.get(KEY, []):
        if own == token and where == path:
            return QueryDict(text, mutable=True)
    return None
