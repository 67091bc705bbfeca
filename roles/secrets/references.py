"""Secrets that are kept elsewhere: `env:NAME` and `file:PATH` say where, and are looked up at each use.

Only variables with the operator's prefix and files below the operator's directory can be named, so that nobody reads
Waybill's own keys through a connection. No text here names a variable or a file.
"""

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables

from roles.messages import Message
from roles.messages import said as _
from roles.secrets.store import UnreadableSecretError

LARGEST = 65_536  # bytes of a file
KINDS = ("env:", "file:")
PLAIN = "plain:"  # before a secret that itself begins like a reference
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

NOT_ALLOWED = _("Names of variables for secrets begin with %(prefix)s, followed by a name.")
NOT_SET = _(
    "This variable is not set where Waybill runs. Set it for the web server and the workers, then restart them."
)
NO_DIRECTORY = _("Reading secrets from files is not enabled. Ask your Waybill operator to set WAYBILL_SECRETS_DIR.")
OUTSIDE = _("This file is not in Waybill's directory for secrets. Enter its path within that directory, without “..”.")
NOT_THERE = _(
    "This file is missing, or Waybill cannot read it. Put it in the directory for secrets, readable for the "
    "account that runs Waybill."
)
NO_SECRET = _("This is not a secret: it is empty, not text, or larger than 64 kB. Check its content.")


class MissingSecretError(UnreadableSecretError):
    """A reference leads to no secret."""

    def __init__(self, message: Message, *, is_permanent: bool = True) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent


def is_reference(text: str) -> bool:
    """Whether `text` says where a secret is, rather than being one."""
    return text.startswith(KINDS)


@sensitive_variables()
def resolve_all(values: dict[str, str]) -> dict[str, str]:
    """Return `values` with references replaced by their secrets. Raises MissingSecretError."""
    return {name: resolve(value) for name, value in values.items()}


@sensitive_variables()
def resolve(text: str) -> str:
    """Return the secret that `text` is or refers to. Raises MissingSecretError."""
    if text.startswith("env:"):
        return _variable(text.removeprefix("env:").strip())
    if text.startswith("file:"):
        return _content(text.removeprefix("file:").strip())
    rest = text.removeprefix(PLAIN)
    return rest if rest.startswith((*KINDS, PLAIN)) else text


def check(text: str) -> None:
    """Refuse a reference that leads to no secret on this machine: a form field's validator."""
    try:
        resolve(text)
    except MissingSecretError as error:
        raise ValidationError(str(error), code="reference") from None


def help_text() -> str:
    """Return how to refer to a secret here."""
    variable = _("To read the secret from an environment variable, enter env:%(prefix)sNAME") % {
        "prefix": settings.SECRETS_ENV_PREFIX
    }
    if not settings.SECRETS_DIR:
        return str(_("%(variable)s.") % {"variable": variable})
    return str(_("%(variable)s; from a file in the directory for secrets, enter file:NAME.") % {"variable": variable})


@sensitive_variables()
def _variable(name: str) -> str:
    prefix = settings.SECRETS_ENV_PREFIX
    if not (NAME.fullmatch(name) and name.startswith(prefix) and name != prefix):
        raise MissingSecretError(NOT_ALLOWED % {"prefix": prefix})
    if name not in os.environ:
        raise MissingSecretError(NOT_SET)
    return _secret(os.environ[name])


@sensitive_variables()
def _content(path: str) -> str:
    if not settings.SECRETS_DIR:
        raise MissingSecretError(NO_DIRECTORY)
    if not path or "\0" in path or ".." in Path(path).parts:
        raise MissingSecretError(OUTSIDE)
    try:
        data = _read(path)
    except (OSError, UnicodeError):
        # A vault's agent may be about to write it.
        raise MissingSecretError(NOT_THERE, is_permanent=False) from None
    return _secret(_text(data))


@sensitive_variables()
def _text(data: bytes) -> str:
    try:
        text = data.decode() if len(data) <= LARGEST else ""
    except UnicodeDecodeError:
        raise MissingSecretError(NO_SECRET) from None
    return text.removesuffix("\n").removesuffix("\r")


@sensitive_variables()
def _secret(text: str) -> str:
    if not text or "\0" in text:
        raise MissingSecretError(NO_SECRET)
    return text


@sensitive_variables()
def _read(path: str) -> bytes:
    """Return slightly more than LARGEST bytes, at most, of a regular file below the directory for secrets."""
    base = Path(str(settings.SECRETS_DIR)).resolve()
    place = (base / path).resolve()  # an agent's own links are followed as long as they stay below
    if base not in place.parents:
        raise MissingSecretError(OUTSIDE)
    with _opened(base, place.relative_to(base).parts) as descriptor:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise MissingSecretError(NO_SECRET)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(LARGEST + 1)


@contextmanager
def _opened(base: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """Open the file folder by folder, without following a link that was put there after the check."""
    descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            following = os.open(part, flags, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = following
        yield descriptor
    finally:
        os.close(descriptor)
