"""The pages of single sign-on: off to the provider, and back."""

import logging
import math
from collections.abc import Callable
from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.internal import statekit
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from roles.audit.origin import client_network
from roles.net.limits import Limit, count_request, too_many
from roles.sign_in.social_accounts import admit
from roles.sign_in.social_claims import names_seen
from roles.sign_in.social_errors import (
    DeniedError,
    ProviderError,
    SetupError,
    SignInRefusedError,
    UnknownStateError,
)
from roles.sign_in.social_provider import Provider, provider_of

logger = logging.getLogger(__name__)
BEGUN = Limit(120)  # from one address, behind which a whole office may be; each asks the provider


def with_provider(view: Callable[[HttpRequest, Provider], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Hand `view` the provider, 404 where there is none, and show why nobody was let in."""

    def shown(request: HttpRequest) -> HttpResponse:
        provider = provider_of(request)
        if provider is None:
            raise Http404
        try:
            return view(request, provider)
        except SignInRefusedError as error:
            logger.warning("Single sign-on let nobody in: %s", error.reason)
            return refused(request, error)

    return shown


@with_provider
@require_POST
def leave(request: HttpRequest, provider: Provider) -> HttpResponse:
    """Lead to the provider by a page of our own: a form may send nobody elsewhere (Content-Security-Policy)."""
    if request.user.is_authenticated:
        return redirect(get_next_redirect_url(request) or "home")
    number, seconds = count_request(f"sso:{client_network(request)}", BEGUN)
    if number > BEGUN.most:
        return too_many(request, math.ceil(seconds))
    context = {"address": provider.begin(request), "name": provider.name}
    return render(request, "socialaccount/leave.html", context)


@with_provider
@require_GET
def callback(request: HttpRequest, provider: Provider) -> HttpResponse:
    """Take what the provider says of the person who comes back, and log them in."""
    if error := request.GET.get("error"):  # without a state, too: some providers leave it out then
        raise _meaning(error)(f"the provider says {error[:60]!r}")
    state, code = _state(request, provider), request.GET.get("code")
    if not code:
        raise SetupError("no code")
    found, claims = provider.finish(request, state, code)
    try:
        admit(request, found, claims)
    except SignInRefusedError as refusal:
        refusal.reason += f"; claims: {names_seen(claims)}"
        raise
    return complete_social_login(request, found)


def refused(request: HttpRequest, error: SignInRefusedError) -> HttpResponse:
    """Say why nobody was let in, and what to do."""
    context = {"title": error.title, "text": error.text}
    return render(request, "socialaccount/refused.html", context, status=error.status)


def _meaning(error: str) -> type[SignInRefusedError]:
    """Return what an error code of the provider means for the person (RFC 6749 section 4.1.2.1, OpenID 3.1.2.6)."""
    if error == "access_denied" or error.endswith("_required"):
        return DeniedError
    return ProviderError if error in ("server_error", "temporarily_unavailable") else SetupError


def _state(request: HttpRequest, provider: Provider) -> dict[str, Any]:
    """Return what was kept when this browser left for the provider, once."""
    state = statekit.unstash_state(request, provider_id=provider.sub_id, state_id=request.GET.get("state", ""))
    if not state or not state.get("nonce"):
        raise UnknownStateError("unknown state")
    return state
