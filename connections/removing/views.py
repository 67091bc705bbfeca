"""Remove a connection: the page first leads through what uses it, and updates itself."""

import hashlib
import json
from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from connections.models import Connection
from connections.removing import removing
from connections.web.common import CHANGED, load, url_of
from roles.access.policy import EnvironmentRequest, requires
from roles.audit.gone import AlreadyGoneError
from roles.permissions import Permission
from roles.ui.htmx import done, render, render_panel
from roles.ui.panels import panel
from roles.ui.polls import answer_poll

LIVE = {"guide", "guide-poll"}  # elements of a panel that is shown already: what asks for them gets the parts alone


@requires(Permission.MANAGE_CONNECTIONS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Ask, then remove; refused while exports use the connection, which are listed with the ways to end that."""
    connection = load(request, pk)
    if request.method != "POST":
        return answer_poll(
            request,
            lambda: [connection.name, *removing.seen_of(connection)],
            lambda: show_removal(request, connection),
        )
    try:
        removing.remove(connection, by=request.user)
    except removing.StillUsedError:
        left_out = [_("“%(name)s” was not removed: exports use it.") % {"name": connection.name}]
        return show_removal(request, connection, left_out=left_out, status=422)
    except AlreadyGoneError as error:
        return done(request, url_of(request, "list"), str(error), changed=CHANGED)
    text = _("Connection “%(name)s” removed.") % {"name": connection.name}
    return done(request, url_of(request, "list"), text, changed=CHANGED)


def answer(request: EnvironmentRequest, connection: Connection, text: str, left_out: Sequence[str]) -> HttpResponse:
    """Answer an action on the page: say `text`, what was left out and why, and show the rest."""
    if request.htmx:
        response = show_removal(request, connection, left_out=left_out)
        response.headers["HX-Trigger"] = json.dumps({CHANGED: True, "exports:changed": True, "announce": text})
        return response
    if text:
        messages.success(request, text)
    for reason in left_out:
        messages.warning(request, reason)
    return HttpResponseRedirect(url_of(request, "remove", pk=connection.pk))


def show_removal(
    request: EnvironmentRequest, connection: Connection, *, left_out: Sequence[str] = (), status: int = 200
) -> HttpResponse:
    """Show the page; only its parts to a panel that is shown already, and 204 where they are shown as they are."""
    is_live = bool(request.htmx) and request.htmx.target in LIVE
    url = url_of(request, "remove", pk=connection.pk)
    context = removing.usage_of(connection) | {
        "connection": connection,
        "left_out": left_out,
        "is_guided": is_live,
        "remove_url": url,
        "list_url": url_of(request, "list"),
    }
    parts = {part: render_to_string(f"connections/remove_parts.html#{part}", context) for part in ("details", "footer")}
    version = hashlib.blake2s("".join(parts.values()).encode(), digest_size=8).hexdigest()
    if is_live and request.GET.get("shown") == version:
        return HttpResponse(status=204)
    context |= parts | {"poll_url": f"{url}?shown={version}"}
    if is_live:
        return render(request, "connections/remove.html#changes", context)
    return render_panel(request, "connections/remove.html", context, status=status)
