"""What the current work is about, for the lines of the log: ids, never names or values."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from roles.audit import origin

_about: ContextVar[Mapping[str, object]] = ContextVar("log_about", default=MappingProxyType({}))


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Add `ids` to the lines logged in this block, also by processes forked in it."""
    token = _about.set({**_about.get(), **ids})
    try:
        yield
    finally:
        _about.reset(token)


def current() -> dict[str, object]:
    """Return what the current work is about, with the id of its request."""
    request = origin.current().request_id
    return {**_about.get(), **({"request": request} if request else {})}
