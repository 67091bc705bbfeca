"""What a page of the list learns of changes made elsewhere, and how little that asks of the database."""

import re

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connections.models import Sharing
from exports.models import Export, Run
from exports.models.states import State
from roles.roles import Role
from tests.factories import client_of, make_connection, make_environment, make_export, make_member

pytestmark = pytest.mark.django_db
OWNED = {"token": "00000000-0000-0000-0000-000000000001", "lease_until": "2099-01-01T00:00:00Z"}
LIST = {"HX-Request": "true", "HX-Target": "list"}


class Page:
    """The list as a browser shows it: it knows its rows' versions and where to ask for changes."""

    def __init__(self, client, environment, **query):
        self.client = client
        self._see(client.get(reverse("exports:list", kwargs={"environment": environment.slug}), query))

    def _see(self, response):
        html = response.content.decode()
        self.rows = dict(re.findall(r'data-key="(\d+)" data-version="(\w*)"', html)) | getattr(self, "rows", {})
        self.rows |= dict(re.findall(r'data-key="(\d+)" data-version="(\w*)"', html))
        poll = re.search(r'id="list-poll"[^>]*hx-get="([^"]*)" hx-trigger="([^"]*)"', html)
        if poll:
            self.address, self.trigger = poll[1].replace("&amp;", "&"), poll[2]

    def ask(self):
        shown = ",".join(f"{key}:{version}" for key, version in self.rows.items())
        response = self.client.get(self.address, {"shown": shown} | dict(self.query), headers={"HX-Request": "true"})
        if response.status_code == 200:
            self._see(response)
        return response

    @property
    def query(self):
        from urllib.parse import parse_qsl, urlsplit

        return parse_qsl(urlsplit(self.address).query)


@pytest.fixture
def export(environment, shared):
    return make_export(environment, "Weekly", shared)


def make_run(export, state=State.QUEUED, **values):
    owner = OWNED if state == State.RUNNING else {}
    run = Run.objects.create(
        environment=export.environment, export=export, state=state, trigger="shell", **owner, **values
    )
    Export.objects.filter(pk=export.pk).update(last_run=run)
    return run


def ids(response):
    return re.findall(r'<tr id="export-(\d+)"', response.content.decode())


def test_nothing_is_answered_while_nothing_changes(environment, carl, export):
    page = Page(carl, environment)
    assert page.trigger == "every 5s"
    for _ in range(2):
        response = page.ask()
        assert (response.status_code, response.content) == (204, b"")


def test_a_run_started_elsewhere_is_seen_with_its_row_alone(environment, carl, export, shared):
    make_export(environment, "Other", shared)
    page = Page(carl, environment)
    make_run(export)
    response = page.ask()
    assert ids(response) == [str(export.pk)]
    text = response.content.decode()
    assert "Queued" in text
    assert "1 running" in text
    address = reverse("exports:list", kwargs={"environment": environment.slug})
    assert f'id="filter-queued" href="{address}?status=queued"' in text, "the list's own address, not the poll's"
    assert page.trigger == "every 1s"
    assert page.ask().status_code == 204


def test_the_page_asks_less_often_again_when_all_have_ended(environment, carl, export):
    run = make_run(export, State.RUNNING, rows_done=1, rows_total=10)
    page = Page(carl, environment)
    assert page.trigger == "every 1s"
    Run.objects.filter(pk=run.pk).update(rows_done=5)
    moved = page.ask()
    assert "50 %" in moved.content.decode()
    assert 'id="page-summary"' not in moved.content.decode(), "the summary is as it was"
    Run.objects.filter(pk=run.pk).update(state=State.SUCCEEDED, rows_done=10, token=None, lease_until=None)
    ended = page.ask().content.decode()
    assert "Successful" in ended
    assert "running" not in ended
    assert page.trigger == "every 5s"
    assert page.ask().status_code == 204


def test_what_somebody_else_edits_is_seen(environment, carl, export):
    page = Page(carl, environment)
    Export.objects.update(name="<b>Monthly</b>", schedule_mode="off")
    changed = page.ask().content.decode()
    assert "&lt;b&gt;Monthly&lt;/b&gt;" in changed
    assert ">Off<" in changed


def test_rights_that_were_taken_away_are_seen(environment, carl, export, shared):
    page = Page(carl, environment)
    shared.sharing = Sharing.NOBODY
    shared.save()
    changed = page.ask().content.decode()
    assert "View only" in changed
    assert 'data-action="edit"' not in changed


@pytest.mark.parametrize("what", ["added", "removed"])
def test_exports_that_come_and_go_are_told_quietly(environment, carl, export, shared, what):
    page = Page(carl, environment, q="e")
    if what == "added":
        make_export(environment, "Entirely new", shared)
    else:
        export.delete()
    changed = page.ask().content.decode()
    assert "The list has changed." in changed
    assert re.search(r'<a href="/e/[\w-]+/exports/\?q=e"', changed)
    assert page.ask().status_code == 204


def test_a_row_that_no_longer_fits_the_filter_stays_and_the_page_says_so(environment, carl, export):
    run = make_run(export, State.QUEUED)
    page = Page(carl, environment, status="queued")
    Run.objects.filter(pk=run.pk).update(state=State.CANCELED)
    changed = page.ask()
    assert ids(changed) == [str(export.pk)]
    assert "The list has changed." in changed.content.decode()


@pytest.mark.parametrize("shown", ["", "x", "0:1", "1:" + "9" * 4000, ":,:,:", "-1:a", "9" * 400, "1:\0", "\ud83d"])
def test_any_question_is_answered(environment, carl, export, shown):
    address = reverse("exports:changes", kwargs={"environment": environment.slug})
    response = carl.get(address, {"shown": shown.encode("utf-8", "replace"), "all": "x", "head": "😀", "page": "-3"})
    assert response.status_code == 200
    assert ids(response) == []


def test_exports_of_others_are_as_good_as_gone(environment, carl, export):
    foreign = make_export(make_environment(), "Foreign")
    address = reverse("exports:changes", kwargs={"environment": environment.slug})
    response = carl.get(address, {"shown": f"{foreign.pk}:0,{export.pk}:0"})
    assert ids(response) == [str(export.pk)]
    assert "Foreign" not in response.content.decode()


def test_a_page_asks_for_fifty_rows_at_most(environment, carl, shared):
    exports = [make_export(environment, f"Export {number}", shared) for number in range(55)]
    address = reverse("exports:changes", kwargs={"environment": environment.slug})
    response = carl.get(address, {"shown": ",".join(f"{export.pk}:0" for export in exports)})
    assert len(ids(response)) == 50


def test_the_number_of_queries_is_small_and_does_not_grow(environment, carl, export, shared):
    page = Page(carl, environment)
    with CaptureQueriesContext(database) as few:
        page.ask()
    for number in range(40):
        make_run(make_export(environment, f"Export {number}", make_connection(environment)), State.RUNNING)
    page = Page(carl, environment)
    with CaptureQueriesContext(database) as many:
        page.ask()
    assert len(few) == len(many) <= 8


def test_a_viewer_learns_of_changes_too(environment, export):
    vera = client_of(make_member(environment, Role.VIEWER))
    page = Page(vera, environment)
    make_run(export)
    assert "Queued" in page.ask().content.decode()
