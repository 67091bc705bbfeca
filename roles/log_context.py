"""What the work at hand is about, for the lines of the log: ids, never names or values."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from roles.audit import origin

_about: ContextVar[Mapping[str, object]] = ContextVar("log_about", default=MappingProxyType({}))


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Let the lines that are written meanwhile, also by processes forked meanwhile, carry `ids`."""
    token = _about.set({**_about.get(), **ids})
    try:
        yield
    finally:
        _about.reset(token)


def current() -> dict[str, object]:
    """Return what the work at hand is about, with the id of the request that asks for it."""
    request = origin.current().request_id
    return {**_about.get(), **({"request": request} if request else {})}
