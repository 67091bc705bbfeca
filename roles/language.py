"""The language of a reader: their own choice, else the environment's, else the browser's."""

from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
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


def of_reader(user: Any, environment: Environment | None = None) -> str:
    """Return the language for texts that are written to `user` outside of a request."""
    return chosen(user, environment) or settings.LANGUAGE_CODE


def own(user: Any) -> str:
    """Return what `user` has chosen of the languages offered; "" for nothing."""
    if not is_a_choice():
        return ""
    return _offered(getattr(user, "language", ""))


def chosen(user: Any, environment: Environment | None) -> str:
    """Return what `user`, else `environment` has chosen of the languages offered; "" where neither has.

    Where no environment is meant, those of the user decide if they agree.
    """
    if not is_a_choice():
        return ""
    if mine := own(user):
        return mine
    if environment is not None:
        return _offered(environment.language)
    return _of_environments(user) if getattr(user, "is_authenticated", False) else ""


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


def _offered(code: str) -> str:
    """Return `code` if the language is offered, else "": a language chosen earlier may no longer be."""
    return code if code in dict(settings.LANGUAGES) else ""


def _of_environments(user: User) -> str:
    codes = Environment.objects.filter(role_assignments__user=user).values_list("language", flat=True)
    found = {_offered(code) for code in codes}
    return found.pop() if len(found) == 1 else ""
