"""The list of connections: what it says to administrators, how it sorts, and how little it says to others."""

import re
import time

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connections.models import Connection, Sharing
from connections.sharing import sharing
from roles.models import RoleAssignment
from roles.roles import Role
from tests.connections.test_pages import url
from tests.exports.pages import cells, text_of
from tests.factories import make_connection, make_environment, make_export, make_member, make_user


def listed(client, environment, **query):
    """The names on the page that the query asks for."""
    page = client.get(url(environment, "list"), query).context_data["listing"].page
    return [connection.name for connection in page]


@pytest.fixture
def three(environment):
    """Three connections that differ in all that a column shows."""
    zoe, adam = make_user(first_name="Zoe"), make_user(first_name="adam")
    one = make_connection(environment, "A", type="sftp", settings={}, sharing=Sharing.NAMED, created_by=zoe)
    two = make_connection(environment, "b", sharing=Sharing.ALL, created_by=adam, checked_at=timezone.now())
    three = make_connection(environment, "C", type="gone", settings={}, sharing=Sharing.NOBODY)
    make_export(environment, connection=one)
    for _number in range(2):
        make_export(environment, connection=three)
    return one, two, three


@pytest.mark.parametrize(
    "key, names",
    [
        ("name", "A b C"),
        ("type", "C b A"),
        ("sharing", "C A b"),
        ("exports", "b A C"),
        ("created", "A b C"),
        ("creator", "b A C"),
        ("checked", "b A C"),
    ],
)
def test_every_column_sorts_as_it_reads(environment, as_ada, three, key, names):
    assert listed(as_ada, environment, sort=key) == names.split()
    with_value = {"creator": 2, "checked": 1}.get(key, 3)  # what is not known stays last
    there, rest = names.split()[:with_value], names.split()[with_value:]
    assert listed(as_ada, environment, sort=f"-{key}") == there[::-1] + rest


@pytest.mark.parametrize("search, names", [("zoe", ["A"]), ("ADAM", ["b"]), ("sftp", ["A"]), ("c", ["b", "C"])])
def test_administrators_search_by_creator_too(environment, as_ada, three, search, names):
    assert listed(as_ada, environment, q=search) == names  # “local” has a c


def test_others_do_not_search_by_creator(environment, as_carl, three):
    assert listed(as_carl, environment, q="zoe") == []


@pytest.mark.parametrize("key", ["sharing", "exports", "created", "creator", "checked"])
@pytest.mark.parametrize("browser", ["as_carl", "as_vera"])
def test_others_learn_nothing_from_the_order(environment, three, browser, key, request):
    client = request.getfixturevalue(browser)
    for sort in (key, f"-{key}", f"--{key}", "-"):
        assert listed(client, environment, sort=sort) == ["A", "b", "C"]


@pytest.mark.parametrize("browser, columns", [("as_carl", 3), ("as_vera", 2)])
def test_others_get_few_columns_and_no_ids(environment, three, browser, columns, request):
    page = request.getfixturevalue(browser).get(url(environment, "list"))
    text = text_of(page)
    assert text.count('<th scope="col"') == columns
    for hidden in ("Zoe", "data-select", "data-action", "Last check", "Created", "?q=A", "Administrators only"):
        assert hidden not in text
    for connection in three:
        for mark in (f"connections/{connection.pk}", f"connection-{connection.pk}"):
            assert mark not in text
    loaded = page.context_data["listing"].page[0]
    assert {"settings", "encrypted_secrets", "sharing", "created_by_id"} <= loaded.get_deferred_fields()


def test_contributors_see_which_they_may_use(environment, as_carl):
    make_connection(environment, "Open", sharing=Sharing.ALL)
    make_connection(environment, "Closed", sharing=Sharing.NOBODY)
    text = text_of(as_carl.get(url(environment, "list")))
    rows = {name: re.search(rf"{name}</span>.*?</tr>", text, re.S).group() for name in ("Open", "Closed")}
    assert "Can use" in rows["Open"]
    assert "Cannot use" in rows["Closed"]


def test_the_number_of_exports_leads_to_them(environment, as_ada):
    connection = make_connection(environment, "R&D “x” 50 %")
    make_export(environment, "Sent", connection)
    make_export(environment, "Other")
    text = as_ada.get(url(environment, "list")).content.decode()
    where = (
        reverse("exports:list", kwargs={"environment": environment.slug}) + "?q=R%26D%20%E2%80%9Cx%E2%80%9D%2050%20%25"
    )
    assert where in text
    found = text_of(as_ada.get(where))
    assert "Sent" in found
    assert "Other" not in found


def test_a_row_offers_its_commands_and_the_bar_those_of_the_selected(environment, as_ada):
    make_connection(environment, "Call list")
    text = text_of(as_ada.get(url(environment, "list")))
    for action in ("edit", "share", "test", "remove"):
        assert text.count(f'data-action="{action}"') == 1
        assert text.count(f'data-row-action="{action}"') == 1


def test_500_connections_take_the_queries_of_one(environment, as_ada):
    def count() -> tuple[int, float]:
        started = time.monotonic()
        with CaptureQueriesContext(database) as queries:
            as_ada.get(url(environment, "list"), {"sort": "-exports", "q": "folder"})
        return len(queries), time.monotonic() - started

    people = [make_user() for _number in range(5)]
    RoleAssignment.objects.bulk_create(
        RoleAssignment(environment=environment, user=user, role=Role.CONTRIBUTOR) for user in people
    )
    first = make_connection(environment, "Folder")
    sharing.share(first, Sharing.NAMED, people, by=people[0])
    few, _seconds = count()
    made = Connection.objects.bulk_create(
        Connection(
            environment=environment, name=f"Folder n{n}", type="local", sharing=Sharing.NAMED, created_by=people[0]
        )
        for n in range(499)
    )
    through = Connection.shared_with.through
    through.objects.bulk_create(through(connection=one, user=user) for one in made for user in people)
    many, seconds = count()
    assert many == few
    assert seconds < 1


def test_the_next_page_keeps_search_and_sort(environment, as_ada):
    for number in range(51):
        make_connection(environment, f"Folder {number:02}")
    text = text_of(as_ada.get(url(environment, "list"), {"q": "folder", "sort": "-name"}))
    assert "?q=folder&sort=-name&page=2" in text
    assert listed(as_ada, environment, q="folder", sort="-name", page="2") == ["Folder 00"]


def test_an_empty_list_leads_to_what_can_be_connected(environment, as_ada, as_carl):
    for client in (as_ada, as_carl):
        assert f'href="{url(environment, "discover")}"' in text_of(client.get(url(environment, "list")))


def test_the_names_of_other_environments_stay_there(environment, as_ada):
    elsewhere = make_environment()
    connection = make_connection(environment, "Ours", sharing=Sharing.NAMED)
    foreign = make_member(elsewhere, Role.CONTRIBUTOR, "stranger")
    connection.shared_with.add(foreign)  # as no form lets anybody
    row = cells(as_ada.get(url(environment, "list")), "Ours")
    assert " ".join(row[3]) == "None named"
