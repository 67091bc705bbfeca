"""Limits how often somebody may try a password or a code, or ask for a link to set a new password.

Browsers that logged in to an account before (roles/sign_in/devices.py), and sessions that are signed in to it, are
counted each for themselves. All others share one count per account, so that many addresses gain nothing: after some
free tries each further one has to wait twice as long as the one before. A try is counted before it is made, by one
statement, so that tries at the same moment do not pass together; a right one is taken back.
"""

import math
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from roles.audit.origin import client_network
from roles.models import User
from roles.net import limits
from roles.net.limits import Limit
from roles.sign_in import devices

TOO_SOON = "too_soon"  # the code of the error
KEPT = 3600  # seconds after which tries are forgotten


@dataclass(frozen=True)
class Delay:
    """After `free` tries a wait of `first` seconds, doubled after each further try, up to `most`."""

    free: int = 3
    first: int = 1
    most: int = 300


DELAYS = {"password": Delay(), "code": Delay(), "reset": Delay(first=60, most=600)}  # each reset writes a mail
FROM_ADDRESS = Limit(10)  # wrong tries from one address in a minute, behind which a whole office may be
FORMS_FROM_ADDRESS = Limit(30)  # forms sent to the log-in page, with whatever in them

_TAKE = """
    INSERT INTO roles_tries AS kept (key, number, free_at, forgotten_at)
    VALUES (%(key)s, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => %(kept)s))
    ON CONFLICT (key) DO UPDATE SET (number, free_at, forgotten_at) = (
        SELECT number,
            clock_timestamp() + make_interval(secs => CASE WHEN number < %(free)s THEN 0 ELSE
                least(%(most)s, %(first)s * 2 ^ least(number - %(free)s, 30)) END),
            clock_timestamp() + make_interval(secs => %(kept)s)
        FROM (SELECT CASE WHEN kept.forgotten_at <= clock_timestamp() THEN 1 ELSE least(kept.number, 1000) + 1 END
              AS number) AS now)
    WHERE kept.free_at <= clock_timestamp()
    RETURNING number
"""
_WAIT = "SELECT extract(epoch FROM free_at - clock_timestamp())::float8 FROM roles_tries WHERE key = %s"
_TAKE_BACK = "UPDATE roles_tries SET number = number - 1, free_at = clock_timestamp() WHERE key = %s AND number > 0"
_FORGET = "DELETE FROM roles_tries WHERE key LIKE %s"
_TIDY = "DELETE FROM roles_tries WHERE forgotten_at < clock_timestamp()"


class TooSoonError(ValidationError):
    """Nobody may try yet; nothing was checked."""

    def __init__(self, seconds: int) -> None:
        super().__init__(_wait(seconds), code=TOO_SOON, params={"seconds": seconds})
        self.seconds = seconds


@dataclass(frozen=True)
class Try:
    """One try, counted as wrong until `take_back`."""

    key: str
    address_key: str = ""

    def take_back(self) -> None:
        """Uncount the try, which was right."""
        _execute(_TAKE_BACK, self.key)
        if self.address_key:
            limits.take_back(self.address_key)


def count_try(request: Any, step: str, account: User | None, typed: str = "") -> Try:
    """Count one try of `step` (a key of DELAYS) for `account`, or for what was typed. Raises TooSoonError."""
    who = _apart(request, account)
    address_key = "" if who else f"tries:{client_network(request)}"
    if address_key:
        number, seconds = limits.count_request(address_key, FROM_ADDRESS)
        if number > FROM_ADDRESS.most:
            raise TooSoonError(math.ceil(seconds))
    key = f"{who or _shared(account, typed)}:{step}"
    if wait := _take(key, DELAYS[step]):
        raise TooSoonError(wait)
    return Try(key, address_key)


def count_form(request: Any, account: User | None) -> int:
    """Count a form sent to sign in; return the seconds to wait, 0 if it may be checked."""
    if _apart(request, account):
        return 0
    number, seconds = limits.count_request(f"forms:{client_network(request)}", FORMS_FROM_ADDRESS)
    return math.ceil(seconds) if number > FORMS_FROM_ADDRESS.most else 0


def clear_password_tries(user: User) -> None:
    """Clear the tries of passwords of `user`, whose password is new; other tries stay counted."""
    for kind in ("account", "device", "inside"):
        _execute(_FORGET, f"{kind}:{user.pk}:%password")


def tidy() -> None:
    """Remove expired counts."""
    _execute(_TIDY)


def _apart(request: Any, account: User | None) -> str:
    """Return the key for the tries of a browser that is known to `account`; "" for other browsers."""
    if account is None:
        return ""
    if request.user.is_authenticated and request.user.pk == account.pk:
        return f"inside:{account.pk}"
    device = devices.known(request, account)
    return f"device:{account.pk}:{device}" if device else ""


def _shared(account: User | None, typed: str) -> str:
    """Return the key for all other browsers; unknown names behave like known ones."""
    if account is not None:
        return f"account:{account.pk}"
    return f"typed:{salted_hmac('roles.sign_in.tries', typed.strip().lower(), algorithm='sha256').hexdigest()[:32]}"


def _take(key: str, delay: Delay) -> int:
    """Count a try; if the last one was too recent, return the seconds to wait instead."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"key": key, "kept": KEPT, **vars(delay)})
        if cursor.fetchone():
            return 0
        cursor.execute(_WAIT, [key])
        row = cursor.fetchone()
    return max(1, math.ceil(row[0])) if row else 1


def _execute(statement: str, *values: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _wait(seconds: int) -> str:
    if seconds <= 90:
        text = ngettext(
            "Too many attempts. Wait %(n)d second, then try again.",
            "Too many attempts. Wait %(n)d seconds, then try again.",
            seconds,
        )
        return text % {"n": seconds}
    return _("Too many attempts. Wait %(n)d minutes, then try again.") % {"n": math.ceil(seconds / 60)}
