"""The open invitations: renew or withdraw them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.paginator import Paginator
from django.db.models import F, OrderBy
from django.db.models.functions import Lower
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from roles.access.policy import EnvironmentRequest, requires
from roles.models import Invitation
from roles.people import invitations
from roles.people.invitations import NoInvitationError
from roles.people.listing import PAGE_SIZE
from roles.people.views.adding import show_link
from roles.people.views.common import CHANGED, change_of_roles, tabs, url_of
from roles.permissions import Permission
from roles.searching import Folded
from roles.ui.htmx import done, render, render_panel
from roles.ui.panels import panel

SORTS: dict[str, Any] = {
    "email": Lower("email"),
    "role": F("role"),
    "invited_by": Folded("invited_by__username"),
    "created": F("created_at"),
    "expires": F("expires_at"),
}


@requires(Permission.MANAGE_PEOPLE)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """The invitations that nobody has accepted yet."""
    sort = request.GET.get("sort", "expires")
    sort = sort if sort.lstrip("-") in SORTS else "expires"
    order = OrderBy(SORTS[sort.lstrip("-")], descending=sort.startswith("-"), nulls_last=True)
    found = invitations.open_invitations(request.environment).select_related("invited_by").order_by(order, "pk")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "sort": sort, "now": timezone.now()} | tabs(request)
    return render(request, "people/invitations.html", context, partial="list", target="list")


@requires(Permission.MANAGE_PEOPLE)
@require_POST
def renew(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Make a new link for the same address and role, and show it once."""
    with _missing_if_gone(), change_of_roles(request):
        issued = invitations.renew(_load(request, pk), by=request.user)
    return show_link(request, issued)


@requires(Permission.MANAGE_PEOPLE)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Ask, then withdraw the link."""
    invitation = _load(request, pk)
    if request.method != "POST":
        context = {"invitation": invitation, "list_url": url_of(request, "invitations")}
        return render_panel(request, "people/withdraw.html", context)
    with _missing_if_gone(), change_of_roles(request):
        invitations.withdraw(invitation, by=request.user)
    text = _("Invitation for %(email)s withdrawn.") % {"email": invitation.email}
    return done(request, url_of(request, "invitations"), text, changed=CHANGED)


def _load(request: EnvironmentRequest, pk: int) -> Invitation:
    """Return an open invitation of the environment; 404 otherwise."""
    found = Invitation.objects.filter(environment=request.environment, accepted_at=None)
    return get_object_or_404(found.select_related("environment", "invited_by"), pk=pk)


@contextmanager
def _missing_if_gone() -> Iterator[None]:
    """Answer 404 if somebody else used or withdrew the invitation a moment ago."""
    try:
        yield
    except NoInvitationError:
        raise Http404 from None
