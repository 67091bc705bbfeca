"""The commands on the page that removes a connection: detach, remove and cancel what sends through it."""

from collections.abc import Callable

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_POST

from connections.models import Connection
from connections.removing.views import answer
from connections.web.common import load as load_connection
from exports import actions
from exports.guide.usage import on_connection
from exports.models import Export, Run
from exports.runs import lifecycle
from exports.web.common import MOST_AT_ONCE, Words, each, told, typed_uuid
from roles.access.policy import EnvironmentRequest, requires
from roles.permissions import Permission
from roles.typed import typed_id
from roles.ui.htmx import render_panel

Act = Callable[..., None]


@requires(Permission.MANAGE_CONNECTIONS)
@require_POST
def guide_detach(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Detach one export, or after a question all that were shown."""
    words = Words(_("“%(name)s” detached."), ngettext_lazy("%d export detached.", "%d exports detached."))
    connection, exports = load_connection(request, pk), _chosen(request)
    if "all" in request.POST and "confirmed" not in request.POST:
        return _ask(request, connection, exports, "exports/guide_detach.html")
    return _done(request, connection, exports, actions.detach, words)


@requires(Permission.MANAGE_CONNECTIONS)
@require_POST
def guide_remove(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Remove one export, or all that were shown, after a question."""
    words = Words(_("“%(name)s” removed."), ngettext_lazy("%d export removed.", "%d exports removed."))
    connection, exports = load_connection(request, pk), _chosen(request)
    if "confirmed" not in request.POST:
        return _ask(request, connection, exports, "exports/guide_remove.html")
    return _done(request, connection, exports, actions.remove, words)


@requires(Permission.MANAGE_CONNECTIONS)
@require_POST
def guide_cancel(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Cancel the run of an export on the connection."""
    connection = load_connection(request, pk)
    runs = Run.objects.filter(export__connection=connection).select_related("environment", "export")
    run = get_object_or_404(runs, uuid=typed_uuid(request.POST.get("run", "")))
    facts = {"name": run.export.name}
    if lifecycle.cancel(run, by=request.user):
        return answer(request, connection, _("Canceling the job of “%(name)s”.") % facts, [])
    return answer(request, connection, "", [_("The job of “%(name)s” had already ended.") % facts])


def _chosen(request: EnvironmentRequest) -> list[Export]:
    """Return the one export that was pressed, or all that were shown. Raises Http404 for foreign ids."""
    typed = set(request.POST.getlist("shown" if "all" in request.POST else "id"))
    ids = {number for number in map(typed_id, typed) if number}
    if not ids or len(ids) > MOST_AT_ONCE or len(ids) != len(typed):
        raise Http404
    exports = Export.objects.filter(environment=request.environment, pk__in=ids).order_by("name")
    # One that somebody else removed meanwhile is done with; one that nobody ever showed here is not found.
    if not exports and "all" not in request.POST:
        raise Http404
    return list(exports)


def _ask(request: EnvironmentRequest, connection: Connection, exports: list[Export], template: str) -> HttpResponse:
    mine = [export for export in exports if export.connection_id == connection.pk]
    return render_panel(request, template, {"connection": connection, "exports": mine})


def _done(
    request: EnvironmentRequest, connection: Connection, exports: list[Export], act: Act, words: Words
) -> HttpResponse:
    done_to, refused = each(
        exports, lambda export: on_connection(export, connection, lambda locked: act(locked, by=request.user))
    )
    return answer(request, connection, words.of(done_to), told(refused))
