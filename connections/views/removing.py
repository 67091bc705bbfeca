"""Remove a connection that no export uses any more."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from connections import removing
from connections.views.common import CHANGED, load, url_of
from roles.access import EnvironmentRequest, requires
from roles.htmx import done, render_panel
from roles.permissions import Permission


@requires(Permission.MANAGE_CONNECTIONS)
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Ask, then remove; refused while exports use the connection, which are listed."""
    connection, status = load(request, pk), 200
    if request.method == "POST":
        try:
            removing.remove(connection, by=request.user)
        except removing.StillUsedError:
            status = 422
        else:
            text = _("Connection “%(name)s” removed.") % {"name": connection.name}
            return done(request, url_of(request, "list"), text, changed=CHANGED)
    users: Any = getattr(connection, "exports")  # noqa: B009 - another app's relation, which this one does not know
    exports = list(users.select_related("environment").order_by("name"))
    context = {"connection": connection, "exports": exports, "list_url": url_of(request, "list")}
    return render_panel(request, "connections/remove.html", context, status=status)
