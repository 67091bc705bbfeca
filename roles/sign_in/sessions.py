"""Where somebody is signed in: sessions that expire when unused, are listed, and can be ended."""

import re
import time
from collections.abc import Callable
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from roles.audit import audit
from roles.models import User

SEEN = "seen_at"  # in the session: when it was last used, in seconds since 1970
EVERY = 300  # seconds between two notes of use, so that most requests write nothing
POLL = "Waybill-Poll"  # the header of what a page asks for by itself (static/requests.js): that is no use
MOST = 100  # sessions listed

# The first that is found in the user agent's name; the order matters, as each claims to be the ones after it.
BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari", "curl")
BROWSER_NAMES = {"Edg": "Edge", "OPR": "Opera"}
SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "CrOS", "Linux")
SYSTEM_NAMES = {"Mac OS X": "macOS", "CrOS": "ChromeOS"}


class SessionUseMiddleware:
    """Extend a session in use, and note when and from where. Must come after the authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        seen = request.session.get(SEEN)
        if seen is not None and time.time() - seen >= EVERY and POLL not in request.headers:
            note_use(request)
        return self.get_response(request)


def begin(request: HttpRequest, **_others: Any) -> None:
    """Start the session's age at the sign-in."""
    request.session[SEEN] = time.time()


def note_use(request: HttpRequest) -> None:
    """Postpone the session's expiry, and store when and from where it was used."""
    if request.user.is_authenticated:
        request.session[SEEN] = time.time()
        UserSession.objects.create_from_request(request)


def sessions_of(user: User) -> QuerySet[UserSession]:
    """Return the current sessions of `user`, the last used first."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    return UserSession.objects.filter(user=user, session_key__in=alive).order_by("-last_seen_at", "-pk")


def end(sessions: QuerySet[UserSession], *, by: User) -> int:
    """End `sessions`; the next request of each is signed out. Return their number."""
    with transaction.atomic():
        ended = list(sessions.select_related("user").select_for_update(of=("self",)))
        for session in ended:
            changes = {"browser": name_of(session.user_agent)}
            audit.record(None, "end session", session.user, by=by, changes=changes)
        Session.objects.filter(session_key__in=[session.session_key for session in ended]).delete()
        UserSession.objects.filter(pk__in=[session.pk for session in ended]).delete()
    return len(ended)


def end_others(request: Any) -> int:
    """End all sessions of the request's user but the request's own. Return their number."""
    return end(sessions_of(request.user).exclude(session_key=request.session.session_key), by=request.user)


def name_of(user_agent: str) -> str:
    """Return a browser's name, like "Firefox on Linux"."""
    browser = next((name for name in BROWSERS if re.search(rf"{name}\w*/", user_agent)), "")
    system = next((name for name in SYSTEMS if name in user_agent), "")
    if not browser:
        return user_agent.split("/", maxsplit=1)[0][:40] or _("Unknown browser")
    words = {"browser": BROWSER_NAMES.get(browser, browser), "system": SYSTEM_NAMES.get(system, system)}
    return _("%(browser)s on %(system)s") % words if system else words["browser"]
