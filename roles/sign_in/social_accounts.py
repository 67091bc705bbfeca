"""From what the provider says to an account here: found by issuer and subject, else made, and its groups' roles."""

import logging
import re
from typing import Any, cast

from allauth.account.internal.emailkit import valid_email_or_none
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.db import connection, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from roles import lookalikes
from roles.audit import audit
from roles.models import User
from roles.people import groups
from roles.sign_in.accounts import NAME_LENGTH, split_name
from roles.sign_in.social_claims import claim_at, names_seen
from roles.sign_in.social_errors import DeactivatedError, SignInRefusedError
from roles.validators import visible

logger = logging.getLogger(__name__)
_LOCK = 0x57425F7065727374  # one new person at a time, so that user names and addresses stay unique


@transaction.atomic
def admit(request: HttpRequest, login: SocialLogin, claims: dict[str, Any]) -> None:
    """See that `login` finds an account here, with its groups. Raises SignInRefusedError; nothing is changed then."""
    options = login.provider.app.settings
    _one_at_a_time()
    known = SocialAccount.objects.filter(provider=login.account.provider, uid=login.account.uid).first()
    if known is None:
        user = _begin(login, claims, may_link=options.get("link_email", False))
    else:
        user = cast(User, known.user)
        _refuse_deactivated(user)
        _update(user, claims)
    found = claim_at(claims, login.provider.groups_claim)
    names = groups.groups_in(found)
    groups.join(user, names)
    if not user.role_assignments.exists():
        _log_no_role(user, login.provider.groups_claim, found, names, claims)


def _log_no_role(user: User, name: str, found: Any, names: set[str], claims: dict[str, Any]) -> None:
    """Say why somebody whom the provider sent has no role, by the names of what it said."""
    why = f"none of the {len(names)} groups in {name!r} carries one" if names else f"{name!r} names no group"
    if found is None:
        why = f"there is no claim {name!r}"
    logger.warning("Single sign-on gave account %s no role: %s. Claims: %s.", user.pk, why, names_seen(claims))


def email_of(claims: dict[str, Any]) -> str:
    """Return the person's address; empty where there is none, or where the provider says that it may be another's."""
    if claims.get("email_verified") is not None and not is_vouched_for(claims):
        return ""
    email = claims.get("email")
    found = (valid_email_or_none(email) or "").lower() if isinstance(email, str) else ""
    return found if visible(found) == found else ""


def is_vouched_for(claims: dict[str, Any]) -> bool:
    """Whether the provider says that the address is the person's own."""
    return claims.get("email_verified") is True or claims.get("email_verified") == "true"


def _begin(login: SocialLogin, claims: dict[str, Any], *, may_link: bool) -> User:
    """Make an account, or link the one that has the address where that is allowed."""
    email = email_of(claims)
    owners = list(_owners(email)) if email else []
    if not owners:
        return _make(login, claims, email)
    if may_link and is_vouched_for(claims) and len(owners) == 1 and _may_be_linked(owners[0], email):
        return _link(login, owners[0])
    raise SignInRefusedError(
        "the address belongs to another account",
        _(
            "Another Waybill account uses your e-mail address, %(email)s. Log in to it with its password, or ask "
            "your Waybill operator to link the two."
        ) % {"email": email},
    )  # fmt: skip


def _make(login: SocialLogin, claims: dict[str, Any], email: str) -> User:
    first, last = _name(claims)
    user = User(username=_free_username(claims, email), email=email, first_name=first, last_name=last)
    user.set_unusable_password()
    user.save()
    if email:
        EmailAddress.objects.create(user=user, email=email, primary=True, verified=is_vouched_for(claims))
    _remember(login, user, "create account")
    return user


def _may_be_linked(user: User, email: str) -> bool:
    """Operators' accounts stay local: they are the way in when the provider is not there."""
    return user.email.lower() == email and not user.is_staff


def _link(login: SocialLogin, user: User) -> User:
    """Let the person into their account; its password goes, and who knew it is out."""
    _refuse_deactivated(user)
    if SocialAccount.objects.filter(user=user, provider=login.account.provider).exists():
        raise SignInRefusedError(
            "the account is linked to another subject",
            _("Your Waybill account belongs to another person at the provider. Ask your Waybill operator."),
        )
    user.set_unusable_password()
    user.save(update_fields=["password"])
    _remember(login, user, "link account")
    return user


def _remember(login: SocialLogin, user: User, action: str) -> None:
    issuer, uid = login.account.provider, login.account.uid
    SocialAccount.objects.create(user=user, provider=issuer, uid=uid)
    audit.record(None, action, user, by=user, changes={"issuer": [None, issuer]})


def _update(user: User, claims: dict[str, Any]) -> None:
    """Follow a new name or address at the provider; an address that is another's here is left out."""
    email, (first, last) = email_of(claims), _name(claims)
    wanted = {"first_name": first, "last_name": last} if first else {}
    if email and email != user.email.lower() and not _owners(email).exclude(pk=user.pk).exists():
        wanted["email"] = email
        EmailAddress.objects.filter(user=user).delete()
        EmailAddress.objects.create(user=user, email=email, primary=True, verified=is_vouched_for(claims))
    changes = {name: [getattr(user, name), value] for name, value in wanted.items() if getattr(user, name) != value}
    for name, (_before, value) in changes.items():
        setattr(user, name, value)
    if changes:
        user.save(update_fields=list(changes))
        audit.record(None, "follow provider", user, by=user, changes=changes)


def _owners(email: str) -> Any:
    """Return the accounts that are known, or log in, by `email`."""
    listed = EmailAddress.objects.filter(email__iexact=email).values("user")
    return User.objects.filter(Q(email__iexact=email) | Q(username__iexact=email) | Q(pk__in=listed))


def _name(claims: dict[str, Any]) -> tuple[str, str]:
    """Return first and last name."""
    first, last, whole = (_text(claims.get(key)) for key in ("given_name", "family_name", "name"))
    return (first, last) if first else tuple(part[:NAME_LENGTH] for part in split_name(whole))  # type: ignore[return-value]


def _text(value: Any) -> str:
    return visible(value)[:NAME_LENGTH].strip() if isinstance(value, str) else ""


def _free_username(claims: dict[str, Any], email: str) -> str:
    """Return a user name that is nobody's: the one at the provider, the address, or one of them with a number."""
    preferred = User.normalize_username(_text(claims.get("preferred_username")))
    preferred = re.sub(r"[^\w.@+-]+", "-", preferred).strip("-")[:140]
    if preferred.lower() != email:  # an address that may be somebody else's, who would be meant by it
        preferred = preferred.partition("@")[0]
    others = list(User.objects.values_list("username", flat=True))
    # One that looks like another's would do so with a number, too.
    wished = [name for name in (preferred, email[:140]) if name and not _is_disguised(name, others)] or ["user"]
    for name in wished:
        if not _is_taken(name, others):
            return name
    number = 2
    while _is_taken(f"{wished[0]}-{number}", others):
        number += 1
    return f"{wished[0]}-{number}"


def _is_disguised(name: str, others: list[str]) -> bool:
    """Whether `name` looks like another one without being the same in another case."""
    return lookalikes.looks_like_one_of(name, [other for other in others if other.lower() != name.lower()])


def _is_taken(name: str, others: list[str]) -> bool:
    """Whether somebody logs in with `name`, be it their address, or with one that looks like it."""
    return bool(_owners(name).exists()) or lookalikes.looks_like_one_of(name, others)


def _refuse_deactivated(user: User) -> None:
    if not user.is_active:
        raise DeactivatedError(f"account {user.pk} is switched off")


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
