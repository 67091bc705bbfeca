"""Discover: a tile for each connection type, from its declaration."""

from dataclasses import dataclass

from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connections.destinations.base import Text
from connections.destinations.registry import destinations
from connections.discover.help import KIND_WORDS, TypeHelp
from connections.models import Connection, DestinationClass
from roles.access.policy import Access
from roles.kinds import ProfileKind
from roles.permissions import Permission
from roles.ui.locales import listing
from roles.ui.words import number

MANY = 8  # types, from which on they can be searched
KINDS: dict[ProfileKind, Text] = {
    ProfileKind.CUSTOMER: gettext_lazy("customers"),
    ProfileKind.ACCOUNT: gettext_lazy("accounts"),
    ProfileKind.CONTACT: gettext_lazy("contacts"),
}


@dataclass(frozen=True)
class Tile:
    """A connection type; `count` is its number of connections, None for people who may not know."""

    type: DestinationClass
    count: int | None

    @property
    def why_not(self) -> Text:
        """Why nobody can set it up here; empty if they can."""
        return self.type.why_unavailable()

    @property
    def takes(self) -> list[str]:
        """What exports of this type send, in words."""
        taken = {words for one in TypeHelp(self.type).taken for words, is_taken in one.kinds if is_taken}
        kinds = [str(KINDS[kind]) for kind, words in KIND_WORDS.items() if words in taken]
        segments = [_("Segments of %(kinds)s") % {"kinds": listing(kinds)}] if kinds else []
        return [*segments, *([_("Whole tables, with their description")] if self.type.takes_tables else [])]

    @property
    def limits(self) -> list[str]:
        """How many profiles the target accepts, in words."""
        limits, said = self.type.limits, []
        if limits.most_profiles:
            said.append(_("At most %(n)s profiles per export") % {"n": number(limits.most_profiles)})
        if limits.least_profiles_per_segment:
            least = number(limits.least_profiles_per_segment)
            said.append(_("At least %(n)s profiles per segment") % {"n": least})
        return said or [_("No limit on the number of profiles")]


def tiles(access: Access, search: str = "") -> list[Tile]:
    """Return a tile for each type whose name or summary holds `search`."""
    counts = _counts(access)
    found = [type_ for type_ in destinations().values() if _holds(type_, search.casefold())]
    return [Tile(type_, None if counts is None else counts.get(type_.slug, 0)) for type_ in found]


def _counts(access: Access) -> dict[str, int] | None:
    if not access.has_permission(Permission.MANAGE_CONNECTIONS):
        return None
    mine = Connection.objects.filter(environment=access.environment).order_by()
    return dict(mine.values_list("type").annotate(Count("pk")))


def _holds(type_: DestinationClass, text: str) -> bool:
    return text in f"{type_.label}\n{type_.summary}".casefold()
