"""Links to what events are about, where it still exists and the reader may open it."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django.apps import apps
from django.db.models import Model
from django.urls import reverse

from roles.access.policy import Access
from roles.models import AuditEvent, RoleAssignment
from roles.permissions import Permission


class Place(NamedTuple):
    """Where objects of a type are opened: the address, and which of some ids exist in the environment."""

    url_name: str
    permission: Permission
    existing: Callable[[Access, Iterable[int]], Iterable[int]]


def _of_model(label: str) -> Callable[[Access, Iterable[int]], Iterable[int]]:
    def existing(access: Access, ids: Iterable[int]) -> Iterable[int]:
        model: Any = apps.get_model(label)
        return model.objects.filter(environment=access.environment, pk__in=ids).values_list("pk", flat=True)

    return existing


def _members(access: Access, ids: Iterable[int]) -> Iterable[int]:
    members = RoleAssignment.objects.filter(environment=access.environment, user__in=ids)
    return members.values_list("user_id", flat=True)


# Models of the rooms above are named, not imported.
PLACES = {
    "connection": Place("connections:edit", Permission.MANAGE_CONNECTIONS, _of_model("connections.Connection")),
    "export": Place("exports:edit", Permission.VIEW, _of_model("exports.Export")),
    "segment": Place("segments:edit", Permission.VIEW, _of_model("segments.Segment")),
    "table": Place("segments:table", Permission.VIEW, _of_model("segments.Table")),
    "user": Place("people:edit", Permission.MANAGE_PEOPLE, _members),
}


def links_of(access: Access, events: Iterable[AuditEvent]) -> dict[tuple[str, str], str]:
    """Return addresses by (type, id) of objects; one query for each type that occurs."""
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
    """Return the address of the object's events, "" for those who may not read them."""
    if not access.has_permission(Permission.READ_AUDIT):
        return ""
    query = {"type": one._meta.model_name, "object": one.pk}
    return reverse("audit:list", kwargs={"environment": access.environment.slug}, query=query)
