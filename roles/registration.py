"""The sections, limits and object pages of this app."""

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from roles.access.policy import Access
from roles.audit.pages import places
from roles.audit.pages.places import Place
from roles.frame import navigation
from roles.frame.navigation import Group, Section
from roles.models import RoleAssignment
from roles.net import limits
from roles.net.limits import Limit
from roles.permissions import Permission

LIMITS = {
    "audit:download": Limit(30),
    "people:add": Limit(30),  # each tells whether there is an account of that exact name
    "people:renew": Limit(30),  # may send a mail
}


def register() -> None:
    """Register all of them; a second call changes nothing."""
    navigation.register(
        Section(Group.SETTINGS, 40, _("Permissions"), "people:list", "people", Permission.MANAGE_PEOPLE),
        Section(Group.SETTINGS, 50, _("Audit"), "audit:list", "audit", Permission.READ_AUDIT),
    )
    limits.register(LIMITS)
    places.PLACES["user"] = Place("people:edit", Permission.MANAGE_PEOPLE, _members)


def _members(access: Access, ids: Iterable[int]) -> Iterable[int]:
    members = RoleAssignment.objects.filter(environment=access.environment, user__in=ids)
    return members.values_list("user_id", flat=True)
