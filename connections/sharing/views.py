"""Choose who may use this connection."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from connections.models import Connection
from connections.sharing import sharing
from connections.sharing.form import SharingForm
from connections.web.common import CHANGED, load, url_of
from roles.access.policy import EnvironmentRequest, requires
from roles.edits.edit import About, Edit, again_if_moved
from roles.edits.parts import Part
from roles.models import User
from roles.permissions import Permission
from roles.ui.htmx import done, render_panel
from roles.ui.panels import panel

MOST_SHOWN = 10  # of the exports on it


@requires(Permission.MANAGE_CONNECTIONS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@again_if_moved
def share(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Show and choose who besides administrators may use a connection."""
    connection = load(request, pk)
    post = request.POST if request.method == "POST" else None
    opened = SharingForm(access=request.access, connection=connection)
    mine = {"sharing": opened.shared(post)} if post is not None else {}
    edit = Edit(About("sharing", connection, request.environment), {"sharing": opened.shared()}, post, mine)
    form = SharingForm(edit.data, access=request.access, connection=connection)
    if form.is_valid() and edit.is_settled:
        before = sharing.users_of(connection)
        with edit.held(lambda: _locked(request, pk)):
            sharing.share(connection, form.cleaned_data["sharing"], form.cleaned_data["named"], by=request.user)
        text = _what_changed(connection, before)
        return done(request, url_of(request, "list"), text, changed=CHANGED)
    used: Any = getattr(connection, "exports")  # noqa: B009 - another app's relation, which this one does not know
    exports = list(used.select_related("environment").order_by("name")[: MOST_SHOWN + 1])
    context = {
        "form": form,
        "edit": edit,
        "connection": connection,
        "exports": exports[:MOST_SHOWN],
        "has_more": len(exports) > MOST_SHOWN,
        "list_url": url_of(request, "list"),
        "edit_url": url_of(request, "edit", pk=pk),
    }
    return render_panel(request, "connections/share.html", context, status=422 if form.is_bound else 200)


def _locked(request: EnvironmentRequest, pk: int) -> dict[str, Part] | None:
    found = Connection.objects.select_for_update(no_key=True).filter(pk=pk).first()
    return {"sharing": SharingForm(access=request.access, connection=found).shared()} if found else None


def _what_changed(connection: Connection, before: list[User]) -> str:
    """Say who may use it now, and who lost what."""
    now = sharing.users_of(connection)
    lost = [str(user) for user in before if user not in now]
    used: Any = getattr(connection, "exports")  # noqa: B009 - another app's relation
    count = used.count()
    if not lost or not count:
        return _("Sharing of “%(name)s” saved.") % {"name": connection.name}
    words = ngettext(
        "%(people)s can now only view the export on “%(name)s”. Its scheduled runs continue.",
        "%(people)s can now only view the %(count)d exports on “%(name)s”. Their scheduled runs continue.",
        count,
    )
    return words % {"people": sharing.several(lost), "count": count, "name": connection.name}
