"""All connection types: folders here with a destination.py, and entry points of other packages."""

import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured

import connections.destinations
from connections.destinations.base import Destination

MODULE, GROUP = "destination", "waybill.destinations"


class Missing(NamedTuple):
    """A type that cannot be loaded: its name, the missing module, and what to install."""

    name: str
    module: str
    requirement: str


class _Found(NamedTuple):
    types: dict[str, type[Destination]]
    missing: list[Missing]


def destinations() -> dict[str, type[Destination]]:
    """Return every connection type by slug, Waybill's own first. Raises ImproperlyConfigured for a slug used twice."""
    return _found().types


def missing() -> list[Missing]:
    """Return the types whose optional dependencies are not installed."""
    return _found().missing


def destination(slug: str) -> type[Destination]:
    """Return the type called `slug`; KeyError if its package is gone."""
    return destinations()[slug]


def register(type_: type[Destination]) -> None:
    """Add a type for as long as this process lives. Raises ImproperlyConfigured when its slug is taken."""
    _add(type_, destinations())


@contextmanager
def registered(type_: type[Destination]) -> Iterator[None]:
    """Register a type for the length of a block, for tests."""
    register(type_)
    try:
        yield
    finally:
        destinations().pop(type_.slug, None)


def clear_cache() -> None:
    """Search again next time: tests add packages and folders."""
    _found.cache_clear()


@cache
def _found() -> _Found:
    found = _Found({}, [])
    for folder in _own_folders():
        module = f"{connections.destinations.__name__}.{folder}.{MODULE}"
        _load(found, folder, f"waybill[{folder}]", partial(_declared_in, module))
    for entry in entry_points(group=GROUP):
        package = entry.dist.name if entry.dist else entry.module
        _load(found, entry.name, package, partial(_named_by, entry))
    return found


def _own_folders() -> list[str]:
    """The folders beside this module that hold a type."""
    room = connections.destinations
    folders = sorted(module.name for module in pkgutil.iter_modules(room.__path__) if module.ispkg)
    return [name for name in folders if find_spec(f"{room.__name__}.{name}.{MODULE}")]


def _load(found: _Found, name: str, requirement: str, load: Callable[[], list[type[Destination]]]) -> None:
    """Add the types that `load` returns; a type without its optional dependency is noted as missing."""
    try:
        types = load()
    except ModuleNotFoundError as error:
        module = error.name or ""
        if module.partition(".")[0] == connections.__name__:
            raise  # our own mistake
        found.missing.append(Missing(name, module, requirement))
        return
    for type_ in types:
        _add(type_, found.types)


def _declared_in(module: str) -> list[type[Destination]]:
    """Return the types declared in `module`: those with a slug of their own."""
    values = vars(import_module(module)).values()
    classes = [value for value in values if isinstance(value, type) and value.__module__ == module]
    return [one for one in classes if issubclass(one, Destination) and "slug" in vars(one)]


def _named_by(entry: EntryPoint) -> list[type[Destination]]:
    return [entry.load()]


def _add(type_: type[Destination], found: dict[str, type[Destination]]) -> None:
    other = found.setdefault(type_.slug, type_)
    if other is not type_:
        raise ImproperlyConfigured(
            f"Two connection types have the slug “{type_.slug}”: {other.__module__}.{other.__qualname__} and "
            f"{type_.__module__}.{type_.__qualname__}. Rename one of them."
        )
