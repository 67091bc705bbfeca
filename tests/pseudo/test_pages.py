"""Everything that is shown is in the reader's language: pages, fragments, and what scripts are told to say."""

import re
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse

from config.pseudo import CODE, OPENING
from roles.messages.field import MessageField
from tests.factories import client_of, make_user
from tests.pseudo.reading import Data, pieces_of_answer
from tests.pseudo.world import STORED, addresses_more, names
from tests.roles.access_table import FRAGMENTS, TABLE
from tests.roles.test_access_table import ask, undone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("in_two_languages")]
IN_PSEUDO, IN_ENGLISH = {"Accept-Language": CODE}, {"Accept-Language": "en"}
# Pages of each kind, for English after the pseudo-locale.
SOME = ("exports:list", "exports:progress", "segments:list", "connections:list", "audit:list", "system:list")
# What differs from one answer to the next.
PASSING = re.compile(r'csrfmiddlewaretoken"[^>]*|"csrf[^>]*|version="?\w+"?|\bnow\b|\d+ (s|min) ago|:\d\d\b|wait=\w+')


@pytest.fixture
def data(world):
    return Data(names())


def wrong_in(answer, data) -> Iterator[str]:
    """Yield what is not of the catalogue, or glued."""
    for where, text in pieces_of_answer(answer):
        if words := data.plain_words(text):
            yield f"{where}: {text} (plain: {' '.join(words)})"
        elif data.is_glued(text):
            yield f"{where}: {text} (glued)"


def test_what_columns_store_as_sentences_is_no_message_yet():
    """The list of what is not converted holds nothing that is."""
    converted = [
        (label, name)
        for label, columns in STORED.items()
        for name in columns
        if isinstance(apps.get_model(label)._meta.get_field(name), MessageField)
    ]
    assert converted == []


def test_every_page_of_an_administrator_is_in_the_language(world, data):
    wrong = {}
    for name in TABLE:
        if found := set(wrong_in(ask(world, "administrator", name, "GET", IN_PSEUDO), data)):
            wrong[name] = found
    assert wrong == {}, "\n".join(f"{name}: {one}" for name, found in wrong.items() for one in found)


@pytest.mark.long
def test_pages_of_each_type_kind_and_state_are_in_the_language(world, empty, data):
    wrong, client = {}, world.client("administrator")
    for url in addresses_more(world, empty):
        with undone():
            answer = client.get(url, headers=IN_PSEUDO)
        assert answer.status_code < 400, url
        if found := set(wrong_in(answer, data)):
            wrong[url] = found
    assert wrong == {}, "\n".join(f"{name}: {one}" for name, found in wrong.items() for one in found)


@pytest.mark.long
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("person", ["anonymous", "viewer", "contributor", "administrator"])
@pytest.mark.parametrize("headers", [pytest.param(one, id=one.get("HX-Target", "page")) for one in FRAGMENTS])
def test_every_answer_to_everybody_is_in_the_language(world, data, method, person, headers):
    """What is sent is what the form takes, then nothing, which most forms refuse."""
    wrong = {}
    for name in TABLE:
        for body in [None] if method == "GET" else [None, {}, {"draft": "1"}]:
            with undone():
                answer = ask(world, person, name, method, headers | IN_PSEUDO, body=body)
            if found := set(wrong_in(answer, data)):
                wrong[name] = found
    assert wrong == {}, "\n".join(f"{name}: {one}" for name, found in wrong.items() for one in found)


def test_english_after_the_pseudo_locale_is_as_before_it(world):
    """What keeps words from one answer to the next keeps them for one language."""
    for name in SOME:
        before, between, after = (
            ask(world, "administrator", name, "GET", language) for language in (IN_ENGLISH, IN_PSEUDO, IN_ENGLISH)
        )
        english, again = (PASSING.sub("", answer.content.decode()) for answer in (before, after))
        assert OPENING not in again, name
        assert english == again, name
        assert between.content != before.content


@pytest.mark.long
def test_support_reads_django_admin_in_the_language(world, data):
    """Names of models and columns are Django's own affair: its pages say them from the code."""
    client = client_of(make_user("zw-support", is_staff=True, is_superuser=True, language=CODE))
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        answer = client.get(url, headers=IN_PSEUDO)
        assert 'lang="en-x-pseudo"' in answer.content.decode()
