"""Links that give their recipients a role. Only the SHA-256 of the link's token is stored.

A link is good while it is neither used nor over, and while whoever made it may still manage people: an administrator
who is removed leaves no way back behind.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from roles.audit import audit
from roles.models import Environment, Invitation, RoleAssignment, User
from roles.people.actions import give, lock
from roles.people.errors import RefusedError
from roles.permissions import Permission
from roles.roles import is_higher, roles_with

DAYS = (1, 7, 30)
USUAL_DAYS = 7
TOKEN_BYTES = 32


class Issued(NamedTuple):
    """An invitation with its token, which nobody can read again."""

    invitation: Invitation
    token: str


class NoInvitationError(RefusedError):
    """The link is unknown, withdrawn, used or expired."""


@transaction.atomic
def invite(environment: Environment, email: str, role: str, *, days: int, by: User) -> Issued:
    """Make a link for `email`, valid for `days`; earlier links for this address stop working."""
    lock(environment)
    for earlier in open_invitations(environment).filter(email__iexact=email):
        _withdraw(earlier, by=by)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    now = timezone.now()
    invitation = Invitation.objects.create(
        environment=environment,
        email=email,
        role=role,
        token_sha256=digest(token),
        invited_by=by,
        expires_at=now + timedelta(days=days),
    )
    audit.record(environment, "invite", invitation, by=by, changes={"role": [None, role], "days": days})
    return Issued(invitation, token)


@transaction.atomic
def renew(invitation: Invitation, *, by: User) -> Issued:
    """Make a new link, valid for as many days; the old one stops working. Raises NoInvitationError."""
    lock(invitation.environment)
    renewed = _still_open(invitation)
    token, now = secrets.token_urlsafe(TOKEN_BYTES), timezone.now()
    length = renewed.expires_at - renewed.created_at
    renewed.token_sha256, renewed.invited_by = digest(token), by
    renewed.created_at, renewed.expires_at = now, now + length
    renewed.save()
    audit.record(renewed.environment, "renew invitation", renewed, by=by, changes={"role": [None, renewed.role]})
    return Issued(renewed, token)


@transaction.atomic
def withdraw(invitation: Invitation, *, by: User) -> None:
    """Withdraw the link. Raises NoInvitationError."""
    lock(invitation.environment)
    _withdraw(_still_open(invitation), by=by)


@transaction.atomic
def accept(token: str, user: User) -> Invitation:
    """Give `user` the role of the invitation unless theirs is as high; works once. Raises NoInvitationError."""
    environment = find(token).environment
    lock(environment)
    invitation = find(token)  # again: somebody else may have used or withdrawn it while we waited
    has = RoleAssignment.objects.filter(environment=environment, user=user).values_list("role", flat=True).first() or ""
    rises = is_higher(invitation.role, has)
    invitation.accepted_at, invitation.accepted_by = timezone.now(), user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    changes = {"role": [has or None, invitation.role if rises else has]}
    audit.record(environment, "accept invitation", invitation, by=user, changes=changes)
    if rises:
        give(environment, user, invitation.role, by=user)
    return invitation


def find(token: str) -> Invitation:
    """Return the valid invitation of a link. Raises NoInvitationError."""
    found = good_invitations().filter(token_sha256=digest(token))
    invitation = found.select_related("environment", "invited_by").first()
    if invitation is None:
        raise NoInvitationError
    return invitation


def good_invitations() -> QuerySet[Invitation]:
    """Those that could be accepted now."""
    return Invitation.objects.filter(_inviter_may(), accepted_at=None, expires_at__gt=timezone.now())


def open_invitations(environment: Environment) -> QuerySet[Invitation]:
    """Those of an environment that nobody accepted, with those that are over.

    `is_inviter_able` tells whether those who made them may still manage people.
    """
    found = Invitation.objects.filter(environment=environment, accepted_at=None)
    return found.annotate(is_inviter_able=_inviter_may())


def _inviter_may() -> Exists:
    return Exists(
        RoleAssignment.objects.filter(
            environment=OuterRef("environment"),
            user=OuterRef("invited_by"),
            user__is_active=True,
            role__in=roles_with(Permission.MANAGE_PEOPLE),
        )
    )


def digest(token: str) -> str:
    """Return the SHA-256 of a token in hex, as it is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def _still_open(invitation: Invitation) -> Invitation:
    found = Invitation.objects.filter(pk=invitation.pk, accepted_at=None).select_related("environment").first()
    if found is None:
        raise NoInvitationError
    return found


def _withdraw(invitation: Invitation, *, by: User) -> None:
    audit.record(invitation.environment, "withdraw invitation", invitation, by=by)
    invitation.delete()
