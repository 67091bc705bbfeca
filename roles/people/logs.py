"""Removes tokens from logs: Django logs the addresses of refused requests, and links hold tokens."""

import logging
import re

SECRET_PATH = re.compile(r"(/invitations/|/password/reset/(?:key/)?)[^/\s?]+")


class HideLinks(logging.Filter):
    """Replaces tokens in addresses by “…”."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, without tokens."""
        text = record.getMessage()
        hidden = SECRET_PATH.sub(r"\1…", text)
        if hidden != text:
            record.msg, record.args = hidden, ()
        return True
