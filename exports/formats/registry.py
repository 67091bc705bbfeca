"""The registry of formats: it finds each module of this package that declares one."""

import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from inspect import isabstract
from typing import Any

from django.core.exceptions import ImproperlyConfigured

import exports.formats
from exports.formats.base import Format, Settings
from roles.messages import SaidError
from roles.messages import said as _

USUAL = "csv"  # of exports and files that name none
LONGEST_NAME = 50  # characters of a format's name that are shown


@cache
def formats() -> dict[str, type[Format]]:
    """Return every format by slug, the usual one first. Raises ImproperlyConfigured for a slug used twice."""
    found: dict[str, type[Format]] = {}
    for name in sorted((module.name for module in pkgutil.iter_modules(exports.formats.__path__)), key=_usual_first):
        for declared in _declared_in(f"{exports.formats.__name__}.{name}"):
            if found.setdefault(declared.slug, declared) is not declared:
                raise ImproperlyConfigured(f"Two formats have the slug “{declared.slug}”. Rename one of them.")
    return found


class UnknownFormatError(SaidError):
    """The format that is named is not here any more; the message is for people."""

    def __init__(self, name: str) -> None:
        text = _("There is no format “%(name)s” any more. Edit the export and choose another format.")
        super().__init__(text % {"name": name[:LONGEST_NAME]})


def name_of(settings: Settings) -> str:
    """Return the slug of the format that `settings` name; the usual one where they name none."""
    return str(settings.get("format") or USUAL)


def format_of(settings: Settings) -> Format:
    """Return the format that an export's `settings` ask for. Raises UnknownFormatError."""
    found = formats().get(name_of(settings))
    if found is None:
        raise UnknownFormatError(name_of(settings))
    return found.of(settings)


def format_of_file(entry: Settings, settings: Settings) -> Format | None:
    """Return the format of a file in Run.files; None for other files than data, and where the format is gone.

    `settings` are those that the file's export has now.
    """
    found = formats().get(entry.get("format") or USUAL)
    if found is None or entry.get("role", "data") != "data" or not entry["path"].endswith(found.suffixes):
        return None
    return found.of_file(entry, settings)


def opens_in_spreadsheet(entry: Settings, settings: Settings) -> bool:
    """Whether a file in Run.files holds rows that a spreadsheet can open; arguments as of `format_of_file`."""
    found = format_of_file(entry, settings)
    return found is not None and bool(found.spreadsheet_type)


@contextmanager
def registered(format_: type[Format]) -> Iterator[None]:
    """Register a format for the length of a test."""
    formats()[format_.slug] = format_
    try:
        yield
    finally:
        formats().pop(format_.slug)


def _usual_first(name: str) -> tuple[bool, str]:
    return name != USUAL, name


def _declared_in(module: str) -> list[type[Format]]:
    values: list[Any] = list(vars(import_module(module)).values())
    return [
        value
        for value in values
        if isinstance(value, type)
        and issubclass(value, Format)
        and value.__module__ == module
        and not isabstract(value)
    ]
