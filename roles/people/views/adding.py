"""Add somebody: an account that exists, or an invitation for an address."""

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from roles.access.policy import EnvironmentRequest, requires
from roles.net import portal
from roles.people import actions
from roles.people.errors import RefusedError
from roles.people.forms import AddForm
from roles.people.invitations import Issued, invite
from roles.people.mail import send_link
from roles.people.views.common import CHANGED, change_of_roles, report, url_of
from roles.permissions import Permission
from roles.roles import Role
from roles.ui.htmx import render_panel
from roles.ui.panels import panel


@requires(Permission.MANAGE_PEOPLE)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: EnvironmentRequest) -> HttpResponse:
    """Add an account by its exact name or address; for an unknown address, ask first, then invite."""
    form = AddForm(request.environment, request.user, request.POST if request.method == "POST" else None)
    if request.method != "POST" or not form.is_valid():
        return _form(request, form)
    role = Role(form.cleaned_data["role"])
    if form.user:
        try:
            with change_of_roles(request):
                actions.give(request.environment, form.user, role, by=request.user)
        except RefusedError as error:
            form.add_error("person", str(error))
            return _form(request, form)
        return report(request, _("%(name)s added as %(role)s.") % {"name": form.user, "role": role.label})
    if request.POST.get("then") != "invite":
        return _form(request, form)
    email, days = form.cleaned_data["person"].lower(), form.cleaned_data["days"]
    with change_of_roles(request):
        issued = invite(request.environment, email, role, days=days, by=request.user)
    return show_link(request, issued)


def _form(request: EnvironmentRequest, form: AddForm) -> HttpResponse:
    context = {"form": form, "list_url": url_of(request, "list")}
    return render_panel(request, "people/add.html", context, status=422 if form.is_bound else 200)


def show_link(request: EnvironmentRequest, issued: Issued) -> HttpResponse:
    """Show the link of an invitation once, and send it if mail is set up."""
    url = portal.link("invitation", token=issued.token)
    context = {
        "invitation": issued.invitation,
        "link": url,
        "not_sent": send_link(issued.invitation, url),
        "list_url": url_of(request, "invitations"),
    }
    response = render_panel(request, "people/link.html", context)
    response.headers["HX-Trigger"] = CHANGED
    response.headers["HX-Trigger-After-Swap"] = "panel:saved"
    return response
