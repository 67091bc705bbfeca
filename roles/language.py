"""The language of a reader: their own choice, else the environment's, else the browser's."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from roles.audit import audit
from roles.models import Environment, User


class LanguageField(forms.ChoiceField):
    """A choice of the offered languages; `empty` labels the empty choice."""

    def __init__(self, *, empty: Any, **values: Any) -> None:
        super().__init__(choices=lambda: [("", empty), *settings.LANGUAGES], required=False, **values)


def is_a_choice() -> bool:
    """Whether there is more than one language to choose from."""
    return len(settings.LANGUAGES) > 1


def chosen(user: Any, environment: Environment | None) -> str:
    """Return what `user`, else `environment` has chosen of the languages offered; "" where neither has.

    Where no environment is meant, those of the user decide if they agree.
    """
    if not is_a_choice():
        return ""
    if own := _own(user):
        return own
    if environment is not None:
        return _offered(environment.language)
    return _of_environments(user) if getattr(user, "is_authenticated", False) else ""


def of_reader(user: Any, environment: Environment | None = None) -> str:
    """Return the language for texts that are written to `user` outside of a request."""
    return chosen(user, environment) or settings.LANGUAGE_CODE


def reading(user: Any, environment: Environment | None = None) -> AbstractContextManager[object]:
    """Write in the language of `user`, outside of a request."""
    return translation.override(of_reader(user, environment))


def activate_for(request: Any) -> None:
    """Use the language of `request.user`, else of the environment if that is known, for the rest of the answer."""
    environment = getattr(request, "environment", None)
    translation.activate(chosen(getattr(request, "user", None), environment) or accepted(request))


def accepted(request: HttpRequest) -> str:
    """Return the best offered language that the browser asks for, else English."""
    for code, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if found := _offered(code) or _offered(code.partition("-")[0]):
            return found
    return settings.LANGUAGE_CODE


@transaction.atomic
def set_environment_language(environment: Environment, code: str, *, by: User) -> None:
    """Set and record the environment's language; does nothing if it has that language already."""
    mine = Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    environment.language = code
    if mine.language != code:
        changes = {"language": [mine.language, code]}
        mine.language = code
        mine.save(update_fields=["language"])
        audit.record(environment, "change language", environment, by=by, changes=changes)


def _own(user: Any) -> str:
    return _offered(getattr(user, "language", ""))


def _offered(code: str) -> str:
    """Return `code` if the language is offered, else "": a language chosen earlier may no longer be."""
    return code if code in dict(settings.LANGUAGES) else ""


def _of_environments(user: User) -> str:
    codes = Environment.objects.filter(role_assignments__user=user).values_list("language", flat=True)
    found = {_offered(code) for code in codes}
    return found.pop() if len(found) == 1 else ""


class LanguageMiddleware:
    """Answer in the reader's language, and restore the thread's language for the next request."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        with translation.override(accepted(request)):
            response = self.get_response(request)
            language = translation.get_language()
        if response.streaming:  # its pieces are made after this
            response.streaming_content = _in_language(language, response.streaming_content)
        patch_vary_headers(response, ["Accept-Language"])
        response.headers.setdefault("Content-Language", language)
        return response

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> None:
        """Use the person's language; below /e/, roles.access.policy adds the environment's."""
        if not is_a_choice():
            return
        if "environment" not in kwargs:
            activate_for(request)
        elif own := _own(request.user):
            translation.activate(own)


def _in_language(language: str | None, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield `pieces`, each made in `language`; restore the thread's language in between."""
    end = object()
    while True:
        with translation.override(language):
            piece: Any = next(pieces, end)
        if piece is end:
            return
        yield piece
