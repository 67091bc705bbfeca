"""The guide on the empty list: three steps that tell from the data what is done and what comes next."""

import re

import pytest
from django.urls import reverse

from connections.models import Sharing
from roles.roles import Role
from tests.factories import client_of, make_connection, make_environment, make_export, make_member, make_table

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(environment):
    return make_member(environment, Role.ADMINISTRATOR, "ada")


def see(environment, client):
    """The steps as (title, Done or To do) and what the guide says and offers."""
    page = client.get(reverse("exports:list", kwargs={"environment": environment.slug})).content.decode()
    found = re.search(r'<section class="guide.*?</section>', page, re.DOTALL)
    if not found:
        return [], "", []
    steps = re.findall(r"<h3>([\w ]+?) <span[^>]*>(\w[\w ]*)</span>", found[0])
    return steps, re.sub(r"<[^>]+>", " ", found[0]), re.findall(r'<a class="button[^>]*>([^<]+)</a>', found[0])


def test_an_administrator_is_led_step_by_step(environment, ada):
    client = client_of(ada)
    titles = ["A connection", "A segment or a table", "An export"]
    assert see(environment, client)[0] == [(title, "To do") for title in titles]
    assert see(environment, client)[2] == ["Add connection"]
    make_connection(environment)
    assert see(environment, client)[0][0] == ("A connection", "Done")
    assert see(environment, client)[2] == ["How to add tables"]
    make_table(environment)
    assert [state for _title, state in see(environment, client)[0]] == ["Done", "Done", "To do"]
    assert see(environment, client)[2] == ["Add export"]
    make_export(environment)
    assert see(environment, client) == ([], "", [])


def test_each_step_leads_back_to_the_guide(environment, ada):
    client = client_of(ada)
    page = client.get(reverse("exports:list", kwargs={"environment": environment.slug})).content.decode()
    assert f"/e/{environment.slug}/connections/add?next=%2Fe%2F{environment.slug}%2Fexports%2F" in page
    make_connection(environment)
    page = client.get(reverse("exports:list", kwargs={"environment": environment.slug})).content.decode()
    tables = re.search('href="([^"]+)"\\s*>How to add tables', page)[1]
    assert "Back to exports" in client.get(tables).content.decode()
    assert "Back to exports" not in client.get(tables.partition("?")[0]).content.decode()


def test_a_contributor_learns_whom_to_ask(environment, ada, carl):
    assert "None yet. Ask ada to add one and share it with you." in see(environment, carl)[1]
    connection = make_connection(environment, sharing=Sharing.NOBODY)
    steps, text, buttons = see(environment, carl)
    assert steps[0] == ("A connection", "To do"), "one that is not shared is no use"
    assert "No connection is shared with you. Ask ada to share one." in text
    assert buttons == []
    connection.sharing = Sharing.ALL
    connection.save()
    make_table(environment)
    assert see(environment, carl)[2] == ["Add export"]


def test_nobody_is_told_to_ask_somebody_whose_account_is_off(environment, ada, carl):
    make_member(environment, Role.ADMINISTRATOR, "bob")
    ada.is_active = False
    ada.save()
    assert "None yet. Ask bob to add one" in see(environment, carl)[1]


def test_a_viewer_is_told_what_will_be_seen_here(environment, ada):
    steps, text, buttons = see(environment, client_of(make_member(environment, Role.VIEWER)))
    assert steps == buttons == []
    assert "Each export appears here with its status, rows and last refresh" in text
    assert "Expected an export? Ask ada." in text


def test_what_others_have_is_not_counted(environment, ada):
    other = make_environment()
    make_table(other)
    make_export(other)
    assert [state for _title, state in see(environment, client_of(ada))[0]] == ["To do"] * 3


def test_a_search_without_result_is_no_first_visit(environment, carl, shared):
    make_export(environment, "Weekly", shared)
    page = carl.get(reverse("exports:list", kwargs={"environment": environment.slug}), {"q": "zzz"}).content.decode()
    assert "No exports match" in page
    assert 'class="guide' not in page


def test_the_list_says_which_exports_send_whole_tables(environment, carl, shared):
    make_export(environment, "Of people", shared)
    make_export(environment, "Of tables", shared, kind="data_out")
    page = carl.get(reverse("exports:list", kwargs={"environment": environment.slug})).content.decode()
    rows = dict(re.findall(r'class="row-link"[^>]*>([^<]+)</a>.*?<td class="cell-type">(.*?)</td>', page, re.DOTALL))
    assert "Data-out" in rows["Of tables"]
    assert "Data-out" not in rows["Of people"]
