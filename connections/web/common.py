"""What the views of connections share."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.urls import reverse

from connections.models import Connection
from connections.web.next_page import is_list, with_connection
from roles.access.policy import EnvironmentRequest

CHANGED = "connections:changed"


def url_of(request: EnvironmentRequest, name: str, **kwargs: Any) -> str:
    return reverse(f"connections:{name}", kwargs={"environment": request.environment.slug, **kwargs})


def load(request: EnvironmentRequest, pk: int) -> Connection:
    """Return a connection of the open environment; 404 otherwise."""
    found = Connection.objects.select_related("environment", "agreed_by", "created_by")
    return get_object_or_404(found, pk=pk, environment=request.environment)


def way_back(following: str, connection: Connection | None = None) -> dict[str, Any]:
    """Return what the panels need to lead back to the page that asked for `connection`."""
    url = with_connection(following, connection.pk) if connection else following
    return {"next": following, "back_url": url, "is_back_list": is_list(following)}
