"""Reads what a browser sent as what it should be; anything else becomes nothing, never an error."""

import uuid
from datetime import date
from urllib.parse import urlsplit, urlunsplit

from django.utils.http import url_has_allowed_host_and_scheme

LONGEST_ADDRESS = 1000  # characters; quoted, it has to fit the 2,048 of a redirect
FIRST_YEAR, LAST_YEAR = 1970, 9998  # of days, with room for the next one and for every zone


def typed_id(text: str | None) -> int:
    """Return a typed id; 0, which no row has, for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else 0


def typed_uuid(text: str | None) -> uuid.UUID | None:
    """Return a typed id of a run; None for anything else."""
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None


def typed_day(text: str | None) -> date | None:
    """Return a typed day within the range of calculation; None for anything else."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def typed_path(text: str | None, host: str) -> str:
    """Return the path, with its query, of a typed address of this site (`host`); "" for anything else."""
    if not text or len(text) > LONGEST_ADDRESS or not text.isprintable():
        return ""
    if not url_has_allowed_host_and_scheme(text, {host}):  # False for what is no address, too
        return ""
    parts = urlsplit(text)
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else ""
