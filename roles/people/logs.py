"""Keeps the links that are as good as a password out of the logs: Django logs the address of what it refuses."""

import logging
import re

SECRET_PATH = re.compile(r"(/invitations/|/password/reset/(?:key/)?)[^/\s?]+")


class HideLinks(logging.Filter):
    """Puts … in the place of tokens in addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, without tokens."""
        text = record.getMessage()
        hidden = SECRET_PATH.sub(r"\1…", text)
        if hidden != text:
            record.msg, record.args = hidden, ()
        return True
