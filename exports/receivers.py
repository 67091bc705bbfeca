"""Exports' receivers of signals from segments and roles."""

from typing import Any

from django.db import connection
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.urls import reverse
from django.utils.translation import gettext as _

from connections.sharing.sharing import SHARED_ROLES
from exports.actions import forget_on_detached
from exports.models import AudienceContainer, Export
from exports.spec import consequences
from exports.spec.replacing import exports_to_mend
from roles.access.policy import Access
from roles.models import RoleAssignment
from roles.ui.consequences import Consequence
from roles.ui.locales import listing
from segments.models import Segment, Table
from segments.signals import NextStep, contact_segment_made, field_removed, field_retyped, segment_changing
from segments.warehouse import ledger


@receiver(post_save, sender=RoleAssignment)
@receiver(post_delete, sender=RoleAssignment)
def forget_who_lost_the_role(*, instance: RoleAssignment, created: bool = False, **more: Any) -> None:
    """Keep no detached export for people who are no contributors any more."""
    is_gone = "update_fields" not in more  # only a save has them
    if is_gone or (not created and instance.role not in SHARED_ROLES):
        forget_on_detached(instance.user, instance.environment)


@receiver(post_delete, sender=AudienceContainer)
def forget_who_was_there(*, instance: AudienceContainer, **_more: Any) -> None:
    """Drop the ledger of a container that is no more."""
    with connection.cursor() as cursor:
        ledger.drop_partition(cursor, instance.pk)


@receiver(field_removed)
def name_exports_of_field(*, table: Table, name: str, **_more: Any) -> str:
    """Say which exports send a field that a new file no longer has."""
    text = _("Choose the fields of %(exports)s again. Until then their runs fail.")
    exports = _exports_of(table, name)
    return text % {"exports": exports} if exports else ""


@receiver(field_retyped)
def name_exports_of_retyped(*, table: Table, name: str, **_more: Any) -> str:
    """Say which exports send a field that has another type now."""
    text, exports = _("%(exports)s: check that the destination accepts the new values."), _exports_of(table, name)
    return text % {"exports": exports} if exports else ""


@receiver(segment_changing)
def say_what_a_segment_changes(*, old: Segment, new: Segment, **_more: Any) -> list[Consequence]:
    """Say what a change of a segment does to the exports that send it."""
    return consequences.of_segment(old, new)


@receiver(contact_segment_made)
def offer_to_use_it(*, segment: Segment, accounts: Segment, access: Access, **_more: Any) -> list[NextStep]:
    """Offer to put a contact segment into the exports that cannot send the account segment that it was made like."""
    at = {"environment": access.environment.slug}
    return [
        NextStep(export.name, reverse("exports:edit", kwargs=at | {"pk": export.pk}), export.pk)
        for export in exports_to_mend(accounts, segment, access)
    ]


def _exports_of(table: Table, name: str) -> str:
    key = str(table.pk)
    exports = Export.objects.filter(field_selection__has_key=key).order_by("name")
    names = [one.name for one in exports if any(chosen.get("field") == name for chosen in one.field_selection[key])]
    return listing([f"“{one}”" for one in names])
