"""Which connection types there are: Waybill's own, those of other packages' entry points, and registered ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from django.core.exceptions import ImproperlyConfigured

from connections.destinations.base import Destination

OWN = (
    "connections.destinations.local.destination:LocalFolder",
    "connections.destinations.sftp.destination:Sftp",
)


@cache
def destinations() -> dict[str, type[Destination]]:
    """Return every connection type by slug, Waybill's own first. Raises ImproperlyConfigured for a slug used twice."""
    found: dict[str, type[Destination]] = {}
    for type_ in [*map(_load, OWN), *(entry.load() for entry in entry_points(group="waybill.destinations"))]:
        _add(type_, found)
    return found


def destination(slug: str) -> type[Destination]:
    """Return the type called `slug`; KeyError for one whose package is gone."""
    return destinations()[slug]


def register(type_: type[Destination]) -> None:
    """Add a type for as long as this process lives. Raises ImproperlyConfigured when its slug is taken."""
    _add(type_, destinations())


@contextmanager
def registered(type_: type[Destination]) -> Iterator[None]:
    """Have a type registered for a while, as tests need."""
    register(type_)
    try:
        yield
    finally:
        destinations().pop(type_.slug, None)


def _add(type_: type[Destination], found: dict[str, type[Destination]]) -> None:
    other = found.setdefault(type_.slug, type_)
    if other is not type_:
        raise ImproperlyConfigured(
            f"Two connection types have the slug “{type_.slug}”: {other.__module__}.{other.__qualname__} and "
            f"{type_.__module__}.{type_.__qualname__}. Rename one of them."
        )


def _load(name: str) -> type[Destination]:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
