"""How long a server asks to be left alone: its header Retry-After (RFC 9110)."""

import time

from django.utils.http import parse_http_date_safe

MOST = 3600.0  # seconds


def seconds_of(header: str, most: float = MOST) -> float | None:
    """Return the wait that `header` asks for, 0 for a moment that is over, at most `most`; None for nonsense.

    It is a number of seconds or a date in any of the three forms.
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), most)
    moment = parse_http_date_safe(text) if text.isascii() else None
    return None if moment is None else min(max(moment - time.time(), 0.0), most)
