"""The pages of the objects that events are about; each app registers its own when it is ready."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from django.db.models import Model

from roles.access.policy import Access
from roles.permissions import Permission


class Place(NamedTuple):
    """The page of a type of objects: its address, and which of some ids exist in the environment."""

    url_name: str
    permission: Permission
    existing: Callable[[Access, Iterable[int]], Iterable[int]]


PLACES: dict[str, Place] = {}


def register(model: type[Model], url_name: str, permission: Permission) -> None:
    """Link events about objects of `model`, which has an `environment`, to `url_name` with their `pk`."""

    def existing(access: Access, ids: Iterable[int]) -> Iterable[int]:
        rows: Any = model._default_manager.filter(environment=access.environment, pk__in=ids)
        return rows.values_list("pk", flat=True)

    PLACES[str(model._meta.model_name)] = Place(url_name, permission, existing)
