"""Roles as data: product.md section 2, read aloud."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from roles.permissions import Permission


class Role(TextChoices):
    """A person's standing in one environment."""

    ADMINISTRATOR = "administrator", _("Administrator")
    CONTRIBUTOR = "contributor", _("Contributor")
    VIEWER = "viewer", _("Viewer")


PERMISSIONS: dict[str, frozenset[Permission]] = {
    Role.VIEWER: frozenset({Permission.VIEW}),
    Role.CONTRIBUTOR: frozenset(
        {Permission.VIEW, Permission.EDIT_DATA, Permission.ADD_EXPORTS, Permission.EDIT_EXPORTS}
    ),
    Role.ADMINISTRATOR: frozenset(Permission),
}
