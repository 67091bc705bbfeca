"""What the views of people share: loading, choosing, reporting."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, TooManyFieldsSent
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from roles.access.policy import EnvironmentRequest, access_of
from roles.models import GroupRole, Invitation, RoleAssignment
from roles.people import groups
from roles.people.actions import lock
from roles.people.errors import RefusedError
from roles.permissions import Permission
from roles.roles import PERMISSIONS
from roles.typed import typed_id
from roles.ui.htmx import done, notice, sent

CHANGED = "people:changed"
MOST_AT_ONCE = 500
MOST_TOLD = 20  # of those left out, one by one


def url_of(request: EnvironmentRequest, name: str, **kwargs: Any) -> str:
    return reverse(f"people:{name}", kwargs={"environment": request.environment.slug, **kwargs})


def load(request: EnvironmentRequest, pk: int) -> RoleAssignment:
    """Return the role assignment of the user `pk` in the open environment; 404 if they are not in it."""
    return get_object_or_404(_people(request), user=pk)


def chosen(request: EnvironmentRequest) -> list[RoleAssignment]:
    """Return the people whose user ids the request names, oneself last; 404 if one is not here."""
    typed = set(sent(request).getlist("id"))
    if len(typed) > MOST_AT_ONCE:
        raise TooManyFieldsSent
    ids = {number for number in map(typed_id, typed) if number}
    if not ids or len(ids) != len(typed):
        raise Http404
    people = sorted(_people(request).filter(user__in=ids), key=lambda one: (one.user == request.user, str(one.user)))
    if len(people) != len(ids):
        raise Http404
    return people


@contextmanager
def change_of_roles(request: EnvironmentRequest) -> Iterator[None]:
    """Lock the roles here and check the person's right again: it may have ended since the request began."""
    with transaction.atomic():
        lock(request.environment)
        request.user.refresh_from_db(fields=["is_active"])
        access = access_of(request.user, request.environment.slug)
        if not (request.user.is_active and access.has_permission(Permission.MANAGE_PEOPLE)):
            raise PermissionDenied
        yield


def _people(request: EnvironmentRequest) -> Any:
    return RoleAssignment.objects.filter(environment=request.environment).select_related("user", "environment")


def tabs(request: EnvironmentRequest) -> dict[str, int]:
    """Return the counts on the other tabs."""
    environment = request.environment
    return {
        "invitation_count": Invitation.objects.filter(environment=environment, accepted_at=None).count(),
        "group_count": GroupRole.objects.filter(environment=environment).count() + len(groups.fixed_roles(environment)),
    }


def apply_to_each(
    people: Sequence[RoleAssignment], act: Callable[[RoleAssignment], Any]
) -> tuple[list[RoleAssignment], list[str]]:
    """Call `act` for each; return those for whom it worked, and why it was refused for the others."""
    done_to, refused = [], []
    for one in people:
        try:
            act(one)
            done_to.append(one)
        except RefusedError as error:
            refused.append(str(error))
    return done_to, refused


def report(request: EnvironmentRequest, text: str, left_out: Sequence[str] = (), *, back: str = "list") -> HttpResponse:
    """Say what was done and what was left out; people who gave up their own right are led away."""
    if not _may_stay(request):
        messages.success(request, " ".join(filter(None, [text, *_told(left_out)])))
        home = reverse("home")
        return HttpResponseClientRedirect(home) if request.htmx else HttpResponseRedirect(home)
    if not left_out:
        return done(request, url_of(request, back), text, changed=CHANGED)
    alone = not text and len(left_out) == 1
    summary, items = (left_out[0], []) if alone else (text or _("Nothing changed."), _told(left_out))
    if request.htmx:
        return notice(summary, tone="warning", changed=CHANGED, items=items)
    messages.warning(request, " ".join([summary, *items]))
    return HttpResponseRedirect(url_of(request, back))


def _may_stay(request: EnvironmentRequest) -> bool:
    own = RoleAssignment.objects.filter(environment=request.environment, user=request.user).first()
    return own is not None and Permission.MANAGE_PEOPLE in PERMISSIONS[own.role]


def _told(left_out: Sequence[str]) -> list[str]:
    """Return up to MOST_TOLD reasons; count the others."""
    more = len(left_out) - MOST_TOLD
    if more <= 0:
        return list(left_out)
    return [*left_out[:MOST_TOLD], _("%(n)d more were left out.") % {"n": more}]
