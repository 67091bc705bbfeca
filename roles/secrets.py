"""Secrets of connections at rest: one encrypted text, keys newest first (MultiFernet)."""

import json

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.translation import gettext as _


class UnreadableSecretError(Exception):
    """The stored secret cannot be decrypted with any of the installation's keys."""

    def __str__(self) -> str:
        return _("The stored secret cannot be read with this installation's keys. Enter it again.")


def encrypt(values: dict[str, str]) -> str:
    """Return `values` as one encrypted text."""
    return _fernet().encrypt(json.dumps(values).encode()).decode()


def decrypt(text: str) -> dict[str, str]:
    """Return what `encrypt` was given; {} for an empty text. Raises UnreadableSecretError."""
    if not text:
        return {}
    try:
        return dict(json.loads(_fernet().decrypt(text.encode())))
    except InvalidToken as error:
        raise UnreadableSecretError from error


def _fernet() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.SECRETS_KEYS])
