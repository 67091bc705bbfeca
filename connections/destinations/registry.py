"""Which connection types there are: Waybill's own and those of other packages' entry points."""

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points

from connections.destinations.base import Destination

OWN = (
    "connections.destinations.files.local:LocalFolder",
    "connections.destinations.files.sftp:Sftp",
)


@cache
def destinations() -> dict[str, type[Destination]]:
    """Return every connection type by slug, Waybill's own first."""
    found = [_load(name) for name in OWN]
    found += [entry.load() for entry in entry_points(group="waybill.destinations")]
    return {type_.slug: type_ for type_ in found}


def destination(slug: str) -> type[Destination]:
    """Return the type called `slug`; KeyError for one whose package is gone."""
    return destinations()[slug]


def _load(name: str) -> type[Destination]:
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
