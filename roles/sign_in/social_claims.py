"""What the provider says of a person, as nested as it comes: found by name or path, put together, and named in logs."""

import re
from typing import Any

_DOT = re.compile(r"(?<!\\)\.")
_NAMES = 60  # of claims, in a line of the log
_NAME_LENGTH = 80  # characters of each
_DEPTH = 3  # names within names
_SAY_WHO = ("preferred_username", "email", "name", "given_name")


def claim_at(claims: dict[str, Any], name: str) -> Any:
    r"""Return the claim `name`: literally so called, else at that path (realm_access.roles); None where there is none.

    A name on the way may have dots of its own; `\.` is a dot that does not divide. A list of objects is gone through.
    """
    if name in claims:
        return claims[name]
    return _at(claims, [part.replace("\\.", ".") for part in _DOT.split(name)])


def merged(claims: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Return both; `later` wins, but for what is null in it, and objects are put together."""
    both = dict(claims)
    for name, value in later.items():
        before = both.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            both[name] = merged(before, value)
        elif value is not None:
            both[name] = value
    return both


def names_seen(claims: dict[str, Any]) -> str:
    """Return the names of `claims`, those within objects as paths, for the log; never a value."""
    names = sorted(_names(claims, "", _DEPTH))
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def say_who(claims: dict[str, Any]) -> bool:
    """Whether `claims` name the person, by more than the subject."""
    return any(isinstance(claims.get(name), str) and claims[name].strip() for name in _SAY_WHO)


def _at(value: Any, path: list[str]) -> Any:
    if not path:
        return value
    if isinstance(value, list):
        return _in_each(value, path)
    if not isinstance(value, dict):
        return None
    for length in range(len(path), 0, -1):
        found = _at(value.get(".".join(path[:length])), path[length:])
        if found is not None:
            return found
    return None


def _in_each(values: list[Any], path: list[str]) -> list[Any] | None:
    found = [_at(each, path) for each in values if isinstance(each, dict)]
    flat = [one for each in found for one in (each if isinstance(each, list) else [each]) if one is not None]
    return flat or None


def _names(claims: dict[str, Any], before: str, depth: int) -> list[str]:
    names = []
    for name, value in claims.items():
        here = before + "".join(letter if letter.isprintable() else "?" for letter in name[:_NAME_LENGTH])
        inner = _names(value, f"{here}.", depth - 1) if isinstance(value, dict) and depth > 1 else []
        names += inner or [here]
    return names
