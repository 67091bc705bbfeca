"""Links to the objects of events, if they still exist and the reader may open them."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Model
from django.urls import reverse

from roles.access.policy import Access
from roles.audit.pages.places import PLACES
from roles.models import AuditEvent
from roles.permissions import Permission


def links_of(access: Access, events: Iterable[AuditEvent]) -> dict[tuple[str, str], str]:
    """Return addresses by (type, id) of objects, with one query for each type."""
    ids: dict[str, set[int]] = defaultdict(set)
    for event in events:
        if event.object_type in PLACES and event.object_id.isdigit():
            ids[event.object_type].add(int(event.object_id))
    found: dict[tuple[str, str], str] = {}
    for name, wanted in ids.items():
        place = PLACES[name]
        if access.has_permission(place.permission):
            for pk in place.existing(access, wanted):
                kwargs = {"environment": access.environment.slug, "pk": pk}
                found[name, str(pk)] = reverse(place.url_name, kwargs=kwargs)
    return found


def history_of(access: Access, one: Model) -> str:
    """Return the address of the object's events, "" for readers who may not open it."""
    if not access.has_permission(Permission.READ_AUDIT):
        return ""
    query = {"type": one._meta.model_name, "object": one.pk}
    return reverse("audit:list", kwargs={"environment": access.environment.slug}, query=query)
