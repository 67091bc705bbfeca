"""The page behind an invitation's link, for signed-in people and others."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from roles.access.policy import public
from roles.models import Invitation, RoleAssignment
from roles.people import invitations
from roles.people.invitations import NoInvitationError
from roles.sign_in.accounts import AccountForm, sign_in


@public
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: Any, token: str) -> HttpResponse:
    """Show the invitation; accept it as the signed-in person, or with a new account."""
    try:
        invitation = invitations.find(token)
        if request.user.is_authenticated:
            return _accept_as_oneself(request, token, invitation)
        if not settings.LOCAL_LOGIN:  # a password would be of no use: single sign-on makes the account
            return _page(request, invitation)
        return _accept_with_new_account(request, token, invitation)
    except NoInvitationError:
        return render(request, "people/no_invitation.html", status=404)


def _accept_as_oneself(request: Any, token: str, invitation: Invitation) -> HttpResponse:
    if request.method != "POST":
        has = RoleAssignment.objects.filter(environment=invitation.environment, user=request.user).first()
        return _page(request, invitation, has=has)
    accepted = invitations.accept(token, request.user)
    role = RoleAssignment.objects.get(environment=accepted.environment, user=request.user).get_role_display()
    values = {"role": role, "environment": accepted.environment}
    messages.success(request, _("Your role in %(environment)s: %(role)s.") % values)
    return HttpResponseRedirect(_home(accepted))


def _accept_with_new_account(request: HttpRequest, token: str, invitation: Invitation) -> HttpResponse:
    form = AccountForm(request.POST if request.method == "POST" else None, email=invitation.email)
    if request.method != "POST" or not form.is_valid():
        return _page(request, invitation, form=form, status=422 if form.is_bound else 200)
    try:
        with transaction.atomic():  # no account without its role
            user = form.save()
            invitations.accept(token, user)
    except ValidationError as error:
        form.add_error(None, error.messages)
        return _page(request, invitation, form=form, status=422)
    return sign_in(request, user, _home(invitation))


def _page(request: HttpRequest, invitation: Invitation, *, status: int = 200, **context: Any) -> HttpResponse:
    context |= {"invitation": invitation, "login_url": f"{reverse('account_login')}?next={request.path}"}
    return render(request, "people/accept.html", context, status=status)


def _home(invitation: Invitation) -> str:
    return reverse("environment", kwargs={"environment": invitation.environment.slug})
