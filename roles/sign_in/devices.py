"""Browsers that have logged in to an account before: a signed cookie tells them from possible guessers.

It proves nothing but that, and lets nobody in: whoever has it still needs the password. It is good for one account, for
half a year, and until that account's password changes; it stays when one logs out.
"""

from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, get_random_string, salted_hmac

from roles.models import User

AGE = 180 * 24 * 3600  # seconds
MOST = 5  # accounts that one browser is known to
_SALT = "roles.sign_in.devices"
_BETWEEN = "|"


def known(request: HttpRequest, user: User) -> str:
    """Return the id of the browser for the account of `user`; "" if the browser is not known to it."""
    return next((found["device"] for _token, found in _kept(request) if _is_for(found, user)), "")


def remember(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Mark the browser as known to the account of `user`, besides those it is known to already."""
    device = known(request, user) or get_random_string(22)
    token = signing.dumps({"user": user.pk, "device": device, "password": _password_of(user)}, salt=_SALT)
    others = [kept for kept, found in _kept(request) if found["user"] != user.pk]
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME, _BETWEEN.join([token, *others][:MOST]), max_age=AGE, httponly=True,
        samesite="Lax", secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip


def _kept(request: HttpRequest) -> list[tuple[str, dict[str, Any]]]:
    """Return the validly signed tokens in the cookie, with their content."""
    tokens = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "").split(_BETWEEN)[:MOST]
    found = [(token, _said(token)) for token in tokens]
    return [(token, said) for token, said in found if said]


def _said(token: str) -> dict[str, Any]:
    try:
        return dict(signing.loads(token, salt=_SALT, max_age=AGE))
    except signing.BadSignature:
        return {}


def _is_for(found: dict[str, Any], user: User) -> bool:
    return bool(found["user"] == user.pk and constant_time_compare(found["password"], _password_of(user)))


def _password_of(user: User) -> str:
    """Return a value that changes with the password and does not reveal it."""
    return salted_hmac(_SALT, f"{user.pk} {user.password}", algorithm="sha256").hexdigest()[:32]
