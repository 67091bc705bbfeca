"""Reactions of connections to changes in the apps below."""

from typing import Any

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from connections.sharing import sharing
from roles.models import RoleAssignment


@receiver(post_save, sender=RoleAssignment)
@receiver(post_delete, sender=RoleAssignment)
def forget_who_lost_the_role(*, instance: RoleAssignment, created: bool = False, **more: Any) -> None:
    """Stop naming people on connections once they are no longer contributors."""
    is_gone = "update_fields" not in more  # only a save has them
    if is_gone or (not created and instance.role not in sharing.SHARED_ROLES):
        sharing.stop_naming(instance.user, instance.environment)
