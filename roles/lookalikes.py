"""User names that look like another's: refused wherever an account is made."""

import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import connection
from django.utils.translation import gettext as _

from roles.validators import visible_name

TABLE = Path(__file__).with_name("lookalikes.txt")
# Of ASCII itself: in most typefaces these are hard to tell apart.
ASCII = {ord("0"): "o", ord("1"): "l", ord("m"): "rn"}
LARGE_I = {ord("I"): "l"}
_LOCK = 0x57425F6E616D6573  # "WB_names"; one new user name at a time


def refuse(name: str, others: Iterable[str]) -> None:
    """Raise ValidationError for a user name that cannot be seen as it is, or looks like one of `others`.

    The very same name is left to those who say that it is taken.
    """
    try:
        visible_name(name)
    except ValidationError as error:
        raise ValidationError({"username": error.messages}) from None
    if looks_like_one_of(name, others):
        text = _("This user name looks like another one. Choose a different one.")
        raise ValidationError({"username": text}, code="lookalike")


def looks_like_one_of(name: str, others: Iterable[str]) -> bool:
    """Whether `name` looks like one of `others`, other than the very same name."""
    own = set(looks(name))
    return any(not own.isdisjoint(looks(other)) for other in others if other != name)


@lru_cache(maxsize=50_000)
def looks(name: str) -> tuple[str, str]:
    """Return what `name` looks like: as written, and in small letters."""
    plain = unicodedata.normalize("NFKC", name)
    return _shape(plain.casefold()), _shape(plain.translate(LARGE_I).translate(_table()).casefold())


def one_at_a_time() -> None:
    """Let no other transaction make an account until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _shape(text: str) -> str:
    return unicodedata.normalize("NFC", text.translate(_table()).casefold().translate(ASCII))


@cache
def _table() -> dict[int, str]:
    lines = (line.split(" ") for line in TABLE.read_text(encoding="utf-8").splitlines() if line[:1] not in ("#", ""))
    return {ord(letter): like for like, letters in lines for letter in letters}
