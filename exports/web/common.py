"""What the views of exports share: loading, choosing, reporting."""

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied, TooManyFieldsSent
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from connections.models import Connection
from exports import actions
from exports.models import Export
from roles.access.policy import EnvironmentRequest
from roles.typed import typed_id
from roles.typed import typed_uuid as read_uuid
from roles.ui.htmx import done, notice, sent

MOST_AT_ONCE = 500
MOST_TOLD = 20  # of those left out, one by one


def list_url(request: EnvironmentRequest) -> str:
    return reverse("exports:list", kwargs={"environment": request.environment.slug})


def load(request: EnvironmentRequest, pk: int, *, to_edit: bool = False) -> Export:
    """Return an export of the open environment (404 otherwise), for editing only to those who may (403)."""
    exports = Export.objects.select_related("environment", "connection", "last_run", "updated_by", "schedule")
    export = get_object_or_404(exports, pk=pk, environment=request.environment)
    if to_edit and not export.is_editable_by(request.access):
        raise PermissionDenied
    return export


def typed_uuid(text: str) -> uuid.UUID:
    """Return an id as a form or an address holds it; Http404 for anything else."""
    found = read_uuid(text)
    if found is None:
        raise Http404
    return found


def can_add(request: EnvironmentRequest) -> bool:
    """Whether there is a connection that the user may build an export on."""
    return Connection.objects.usable_by(request.access).exists()


def select_first(request: EnvironmentRequest) -> HttpResponse:
    """Answer a command that was pressed with nothing selected, as only browsers without scripts can."""
    messages.info(request, _("Select at least one export first."))
    return HttpResponseRedirect(list_url(request))


def each(exports: list[Export], act: Callable[[Export], Any]) -> tuple[list[str], list[str]]:
    """Do `act` to each export; return the names of those it was done to and why it was refused to the others."""
    done_to, refused = [], []
    for export in exports:
        try:
            act(export)
            done_to.append(export.name)
        except actions.RefusedError as error:
            refused.append(str(error))
    return done_to, refused


def chosen_exports(request: EnvironmentRequest) -> tuple[list[Export], list[str]]:
    """The exports that a request names and the user may edit, and why the others are left out.

    Unknown ids answer 404, more than MOST_AT_ONCE 413; 403 when none of the exports may be edited.
    """
    typed = set(sent(request).getlist("id"))
    if len(typed) > MOST_AT_ONCE:
        raise TooManyFieldsSent
    ids = {number for number in map(typed_id, typed) if number}
    if not ids or len(ids) != len(typed):
        raise Http404
    mine = Export.objects.filter(environment=request.environment, pk__in=ids)
    exports = list(mine.select_related("environment", "connection", "schedule").order_by("name"))
    if len(exports) != len(ids):
        raise Http404
    editable = [export for export in exports if export.is_editable_by(request.access)]
    if not editable:
        raise PermissionDenied
    view_only = [export for export in exports if export not in editable]
    return editable, [_("“%(name)s” was left out: you can only view it.") % {"name": one.name} for one in view_only]


class Words(NamedTuple):
    """What is said of exports to which something was done: of one by its name, of several by their number."""

    one: str  # with %(name)s
    many: Any  # lazy, with %d

    def of(self, names: list[str]) -> str:
        """Return the sentence for `names`, "" for none."""
        if not names:
            return ""
        return self.one % {"name": names[0]} if len(names) == 1 else self.many % len(names)


def report(request: EnvironmentRequest, text: str, left_out: list[str], *, tone: str = "warning") -> HttpResponse:
    """Say what was done and what was left out, in `tone` (warning, info); the list loads again."""
    if not left_out:
        return done(request, list_url(request), text, changed="exports:changed")
    alone = not text and len(left_out) == 1
    summary, items = (left_out[0], []) if alone else (text or _("Nothing changed."), told(left_out))
    if request.htmx:
        return notice(summary, tone=tone, changed="exports:changed", items=items)
    say = messages.warning if tone == "warning" else messages.info
    say(request, " ".join([summary, *items]))
    return HttpResponseRedirect(list_url(request))


def told(left_out: list[str]) -> list[str]:
    """Return the reasons one by one; those above MOST_TOLD are counted."""
    more = len(left_out) - MOST_TOLD
    if more <= 0:
        return left_out
    words = ngettext("%(n)d more was left out.", "%(n)d more were left out.", more)
    return [*left_out[:MOST_TOLD], words % {"n": more}]
