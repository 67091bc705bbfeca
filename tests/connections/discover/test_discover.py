"""Discover: a tile for each connection type, made from its declaration."""

from contextlib import ExitStack

import pytest

from connections.destinations.base import AudienceDestination, Limits
from connections.destinations.registry import registered
from roles.kinds import ProfileKind
from tests.connections.test_pages import url
from tests.exports.pages import text_of
from tests.factories import make_connection, make_environment


class Letters(AudienceDestination):
    """A type of people-targeting with limits."""

    slug, label, monogram = "letters", "Letters", "Le"
    summary = "Writes to people."
    takes = frozenset({ProfileKind.CONTACT, ProfileKind.CUSTOMER})
    limits = Limits(most_profiles=100_000, least_profiles_per_segment=300)


def tile(text: str, slug: str) -> str:
    """The part of the page that is about one type."""
    return next(part for part in text.split('<li class="surface') if f'id="type-{slug}"' in part)


def test_a_tile_says_what_the_type_takes_its_limits_and_how_many_there_are(environment, as_ada):
    make_connection(environment, "One", type="letters", settings={})
    make_connection(environment, "Two", type="letters", settings={})
    make_connection(make_environment(), "Foreign", type="letters", settings={})
    with registered(Letters):
        text = text_of(as_ada.get(url(environment, "discover")))
    letters, folder = tile(text, "letters"), tile(text, "local")
    for said in (
        "Writes to people.",
        "Segments of customers and contacts",
        "At most 100,000",
        "At least 300",
        "2 connections",
    ):
        assert said in letters
    assert "Whole tables" not in letters
    for said in ("Segments of customers, accounts and contacts", "Whole tables", "No limit", "No connection yet"):
        assert said in folder
    for name in ("help", "set_up"):
        assert f'href="{url(environment, name, type_="letters")}"' in letters


@pytest.mark.parametrize("browser", ["as_carl", "as_vera"])
def test_others_read_about_types_and_nothing_about_connections(environment, browser, request):
    make_connection(environment, "Call list", sharing="nobody")
    client = request.getfixturevalue(browser)
    for headers in ({}, {"HX-Request": "true", "HX-Target": "tiles"}):
        text = text_of(client.get(url(environment, "discover"), headers=headers))
        assert url(environment, "help", type_="sftp") in text
        for hidden in ("Call list", "1 connection", "No connection yet", "Set up<", "connections/add"):
            assert hidden not in text


def test_a_type_that_is_off_says_why_and_cannot_be_set_up(environment, as_ada, settings):
    settings.LOCAL_FOLDER_BASE = ""
    folder = tile(text_of(as_ada.get(url(environment, "discover"))), "local")
    assert "Not available here." in folder
    assert "WAYBILL_LOCAL_FOLDER_BASE" in folder
    assert url(environment, "set_up", type_="local") not in folder


def test_many_types_can_be_searched(environment, as_carl):
    assert 'type="search"' not in text_of(as_carl.get(url(environment, "discover")))
    with ExitStack() as stack:
        for number in range(8):
            more = {"slug": f"kind-{number}", "label": f"Kind {number}"}
            stack.enter_context(registered(type(f"Kind{number}", (Letters,), more)))
        page = as_carl.get(url(environment, "discover"))
        assert 'type="search"' in text_of(page)
        for search, found in (("KIND 3", ["kind-3"]), ("partner's", ["sftp"]), ("zzz", [])):
            shown = as_carl.get(url(environment, "discover"), {"q": search}).context_data["tiles"]
            assert [one.type.slug for one in shown] == found
        assert "No types match" in text_of(as_carl.get(url(environment, "discover"), {"q": "zzz"}))


def test_many_connections_take_no_more_queries(environment, as_ada, django_assert_max_num_queries):
    for number in range(20):
        make_connection(environment, f"Folder {number}")
    with django_assert_max_num_queries(6):
        as_ada.get(url(environment, "discover"))
