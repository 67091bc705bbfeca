"""The language of a reader: their own choice, else the environment's, else what their browser asks for."""

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
    """A choice of the languages offered; `empty` is what stands for none."""

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
    """Return the language of what is written to `user` while no browser asks."""
    return chosen(user, environment) or settings.LANGUAGE_CODE


def reading(user: Any, environment: Environment | None = None) -> AbstractContextManager[object]:
    """Write in the language of `user`, to whom it goes while no browser asks."""
    return translation.override(of_reader(user, environment))


def activate_for(request: Any) -> None:
    """Let the rest of the answer be in the language of `request.user`, else of the environment once that is known."""
    environment = getattr(request, "environment", None)
    translation.activate(chosen(getattr(request, "user", None), environment) or accepted(request))


def accepted(request: HttpRequest) -> str:
    """Return the best language that the browser asks for and that is offered, else English."""
    for code, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if found := _offered(code) or _offered(code.partition("-")[0]):
            return found
    return settings.LANGUAGE_CODE


@transaction.atomic
def set_environment_language(environment: Environment, code: str, *, by: User) -> None:
    """Give the environment another language; nothing is written where it is that already."""
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
    """Return `code` where it is one of the languages offered: one that was chosen earlier may have gone since."""
    return code if code in dict(settings.LANGUAGES) else ""


def _of_environments(user: User) -> str:
    codes = Environment.objects.filter(role_assignments__user=user).values_list("language", flat=True)
    found = {_offered(code) for code in codes}
    return found.pop() if len(found) == 1 else ""


class LanguageMiddleware:
    """Answer in the reader's language, and leave the thread as it was: the next request may be somebody else's."""

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
        """Know the person; of what lies below /e/ roles.access.policy knows the environment, too."""
        if not is_a_choice():
            return
        if "environment" not in kwargs:
            activate_for(request)
        elif own := _own(request.user):
            translation.activate(own)


def _in_language(language: str | None, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield `pieces`, each made in `language`; between them the thread has its own."""
    end = object()
    while True:
        with translation.override(language):
            piece: Any = next(pieces, end)
        if piece is end:
            return
        yield piece
