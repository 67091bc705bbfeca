"""Who reads: their language and their time zone, in force while a page, its stream or a mail to them is made.

The zone is their own (*Your account*), else the environment's; the language roles/language.py finds. Both lie in
context variables of Django, which no other thread sees.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers

from roles import language, zones
from roles.models import Environment, User


def zone_for(user: Any, environment: Environment | None = None) -> str:
    """Return the zone in which `user` reads times of `environment`.

    Where no environment is meant, those of the user decide if they agree, else the one of the installation.
    """
    if own := zones.name_of(getattr(user, "time_zone", "")):
        return own
    if environment is not None:
        return zones.name_of(environment.time_zone) or zones.of_installation()
    mine = zone_of_environments(user) if getattr(user, "is_authenticated", False) else ""
    return mine or zones.of_installation()


def zone_of_environments(user: User) -> str:
    """Return the zone that all environments of `user` have; "" where they differ, the installation's for none."""
    found = Environment.objects.filter(role_assignments__user=user).values_list("time_zone", flat=True)
    names = {zones.name_of(name) for name in found} - {""} or {zones.of_installation()}
    return names.pop() if len(names) == 1 else ""


@contextmanager
def reading(user: Any, environment: Environment | None = None) -> Iterator[None]:
    """Write in the language and the zone of `user`, else of the environment, outside of a request."""
    with in_force(*key_of(user, environment)):
        yield


def activate_for(request: Any) -> None:
    """Use language and zone of `request.user`, else of the environment if that is known, for the rest of the answer."""
    environment, user = getattr(request, "environment", None), getattr(request, "user", None)
    translation.activate(language.chosen(user, environment) or language.accepted(request))
    timezone.activate(zone_for(user, environment))


def key_of(user: Any, environment: Environment | None = None) -> tuple[str, str]:
    """Return language and zone of what is written to `user` outside of a request."""
    return language.of_reader(user, environment), zone_for(user, environment)


def key() -> tuple[str, str]:
    """Return language and zone of the moment: part of the key of all that keeps words, and of what polls compare."""
    return translation.get_language() or "", timezone.get_current_timezone_name()


@contextmanager
def in_force(code: str, zone: str) -> Iterator[None]:
    """Make texts in this language and times in this zone."""
    with translation.override(code), timezone.override(zone):
        yield


class ReaderMiddleware:
    """Answer in the reader's language and zone, and restore the thread's for the next request, whatever happens."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        with in_force(language.accepted(request), zones.of_installation()):
            response = self.get_response(request)
            code, zone = key()
        if response.streaming:  # its pieces are made after this
            response.streaming_content = _pieces(code, zone, response.streaming_content)
        patch_vary_headers(response, ["Accept-Language"])
        response.headers.setdefault("Content-Language", code)
        return response

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> None:
        """Use the person's own; below /e/, roles.access.policy adds the environment's."""
        if not request.user.is_authenticated:
            return
        if "environment" not in kwargs:
            activate_for(request)
            return
        if own := language.own(request.user):
            translation.activate(own)
        if zone := zones.name_of(request.user.time_zone):
            timezone.activate(zone)


def _pieces(code: str, zone: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield `pieces`, each made for the reader; restore the thread's language and zone in between."""
    end = object()
    while True:
        with in_force(code, zone):
            piece: Any = next(pieces, end)
        if piece is end:
            return
        yield piece
