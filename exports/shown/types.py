"""How a connection type is shown in exports' pages, also one whose package is gone."""

from typing import NamedTuple

from django.utils.translation import gettext as _

from connections.destinations.registry import destinations


class TypeLook(NamedTuple):
    """Name and tile of a connection type."""

    label: str
    monogram: str
    tone: str


def type_look(slug: str | None) -> TypeLook:
    """Return how the type `slug` is shown; a dash for a detached export."""
    if slug is None:
        return TypeLook("", "–", "gray")
    type_ = destinations().get(slug)
    if type_ is None:
        return TypeLook(_("Unknown type (%(slug)s)") % {"slug": slug}, "?", "gray")
    return TypeLook(str(type_.label), type_.monogram, type_.tone)
