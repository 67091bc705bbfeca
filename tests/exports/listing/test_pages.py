"""Data > Exports as a browser without scripts and htmx get it: the list, its actions, Progress details."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from connections.models import Sharing
from exports.models import Export, Run
from exports.models.states import State
from tests.exports.pages import cells, make_run, names, text_of, url
from tests.factories import make_connection, make_export

pytestmark = pytest.mark.django_db
LIST = {"HX-Request": "true", "HX-Target": "list"}
PANEL = {"HX-Request": "true", "HX-Target": "panel"}
HEADINGS = [
    *("Display name", "Connection used", "Type", "Status", "Rows sent", "Refreshed", "Schedule"),
    "Your permissions",
]
ODD = ["\0", "a\0b", "x" * 5000, "😀", "%", "\\", "'; --", "<script>alert(1)</script>", "{{ 7 }}"]
NAMES = ["<b>x</b>", "\"'><img src=x>", "{{ name }}", "{% now %}", "a & b", "\ue000 0 \ue001", "$1 \\1 %(x)s {0}"]


# The list


def test_a_row_says_all_that_the_columns_promise(environment, carl, shared):
    export = make_export(environment, "Weekly", shared, schedule_mode="off")
    make_run(export, State.WARNED, rows_done=12_345, rows_total=12_345, reason="3 rows rejected")
    Export.objects.update(delivered_at=timezone.now() - timedelta(hours=2))
    page = carl.get(url(environment))
    headings = re.findall(r'id="sort-\w+"[^>]*>([^<]+)', page.content.decode())
    assert headings == HEADINGS
    row = [" ".join(words) for words in cells(page, "Weekly")]
    assert row[1:3] == ["Weekly", "Partner"]
    assert row[3].endswith("Local folder")
    assert row[4].startswith("Completed with warnings")
    assert "3 rows rejected" in row[4]
    assert row[5] == "12,345"
    assert row[6] == "2 h ago"
    assert row[7:9] == ["Off", "Can edit"]


def test_a_new_export_has_no_figures_and_a_detached_one_no_connection(environment, carl):
    Export.objects.filter(pk=make_export(environment, "Loose").pk).update(connection=None)
    row = [" ".join(words) for words in cells(carl.get(url(environment)), "Loose")]
    assert row[2] == "No Connection"
    assert row[4] == "Not started"
    assert row[5:9] == ["—", "never", "Inactive no connection", "View only"]


@pytest.mark.parametrize("state", State.values)
def test_every_state_has_words_and_only_moving_ones_ask_again_soon(environment, carl, shared, state):
    export = make_export(environment, "One", shared)
    make_run(export, state, reason="A reason", rows_done=5, rows_total=10)
    page = carl.get(url(environment))
    assert str(State(state).label) in " ".join(cells(page, "One")[4])
    how_soon = re.search(r'id="list-poll"[^>]*hx-trigger="every (\d)s"', page.content.decode())[1]
    assert how_soon == ("1" if state in {"queued", "running"} else "5")
    details = carl.get(url(environment, "progress", pk=export.pk))
    assert str(State(state).label) in text_of(details)
    assert ("Cancel job" in text_of(details)) == (state in {"queued", "running", "retrying"})
    assert ("Discard this run…" in text_of(details)) == (state == "held")
    fragment = carl.get(url(environment, "progress", pk=export.pk), headers=PANEL).content.decode()
    assert "<html" not in fragment
    asks_again = re.search(r'id="progress-poll"[^>]*hx-trigger="every', fragment)
    assert bool(asks_again) == (state in {"queued", "running", "retrying", "held"})


def test_progress_of_an_export_that_never_ran(environment, carl):
    export = make_export(environment)
    assert "Not run yet" in text_of(carl.get(url(environment, "progress", pk=export.pk)))


def three(environment):
    """Three exports whose order differs by each column."""
    zeta, alpha = make_connection(environment, "Zeta"), make_connection(environment, "alpha", sharing=Sharing.NOBODY)
    sftp = make_connection(environment, "Mid", type="sftp")
    first = make_export(environment, "Apple", zeta, schedule_mode="off")
    second = make_export(environment, "banana", alpha, schedule_mode="off")
    third = make_export(environment, "Cherry", sftp)
    make_run(first, State.SUCCEEDED, rows_done=2)
    make_run(second, State.FAILED, rows_done=9)
    make_run(third, State.SUCCEEDED, rows_done=1000)
    now = timezone.now()
    Export.objects.filter(pk=first.pk).update(delivered_at=now)
    Export.objects.filter(pk=third.pk).update(delivered_at=now - timedelta(days=1))


@pytest.mark.parametrize(
    "sort, order",
    [
        ("name", "Apple banana Cherry"),
        ("-name", "Cherry banana Apple"),
        ("connection", "banana Cherry Apple"),
        ("-connection", "Apple Cherry banana"),
        ("type", "Apple banana Cherry"),
        ("-type", "Cherry Apple banana"),
        ("status", "banana Apple Cherry"),
        ("-status", "Apple Cherry banana"),
        ("rows", "Apple Cherry banana"),
        ("-rows", "Cherry Apple banana"),
        ("refreshed", "Cherry Apple banana"),
        ("-refreshed", "Apple Cherry banana"),
        ("schedule", "Apple banana Cherry"),
        ("-schedule", "Cherry Apple banana"),
        ("permissions", "Apple Cherry banana"),
        ("-permissions", "banana Apple Cherry"),
    ],
)
def test_every_column_sorts_both_ways(environment, carl, sort, order):
    three(environment)
    page = carl.get(url(environment), {"sort": sort})
    assert names(page) == order.split()
    arrow = re.search(r'aria-sort="(\w+)"><a class="sort" id="sort-(\w+)"', page.content.decode())
    assert arrow.groups() == ("descending" if sort.startswith("-") else "ascending", sort.lstrip("-"))


@pytest.mark.parametrize(
    "search, found",
    [("BAN", "banana"), ("zeta", "Apple"), ("sftp", "Cherry"), ("local FOLDER", "Apple banana"), ("%", ""), ("_", "")],
)
def test_search_looks_at_name_connection_and_type(environment, carl, search, found):
    three(environment)
    assert names(carl.get(url(environment), {"q": search})) == found.split()


@pytest.mark.parametrize(
    "status, found", [("failed", "banana"), ("succeeded", "Apple Cherry"), ("not_started", "Date")]
)
def test_status_filters_the_list(environment, carl, status, found):
    three(environment)
    make_export(environment, "Date")
    assert names(carl.get(url(environment), {"status": status})) == found.split()


def test_the_address_holds_search_filter_sort_and_page(environment, carl, shared):
    for number in range(60):
        make_export(environment, f"Export {number:02}", shared)
    query = {"q": "export", "status": "not_started", "sort": "-name"}
    first = carl.get(url(environment), query)
    assert names(first)[0] == "Export 59"
    assert len(names(first)) == 50
    assert "1 to 50 of 60" in text_of(first)
    following = re.search(r'id="page-next" rel="next" href="([^"]+)"', first.content.decode())[1]
    second = carl.get(unescape(following))
    assert names(second) == [f"Export {number:02}" for number in range(9, -1, -1)]
    again = carl.get(unescape(following), headers=LIST)
    assert names(again) == names(second)
    assert "<html" not in again.content.decode()


def test_an_empty_list_says_what_to_do(environment, carl, shared):
    page = text_of(carl.get(url(environment)))
    assert "No exports yet" in page
    assert "Add export" in page


def test_nothing_found_leads_back_to_everything(environment, carl, shared):
    make_export(environment, "Weekly", shared)
    page = text_of(carl.get(url(environment), {"q": "zzz"}))
    assert "No exports match" in page
    assert "Show all exports" in page


@pytest.mark.parametrize(
    "query",
    [
        {"page": "abc"}, {"page": "-1"}, {"page": "0"}, {"page": "9" * 400}, {"page": "1.5"}, {"page": "²"},
        {"sort": ";drop"}, {"sort": "--name"}, {"sort": "-"}, {"sort": ""}, {"sort": "connection__encrypted_secrets"},
        {"status": "nonsense"}, {"status": "' OR 1=1"}, {"status": "\0"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("headers", [{}, LIST])
def test_what_makes_no_sense_in_the_address_is_ignored(environment, carl, shared, query, headers):
    make_export(environment, "Weekly", shared)
    assert names(carl.get(url(environment), query, headers=headers)) == ["Weekly"]


@pytest.mark.parametrize("search", ODD)
def test_any_search_is_answered_and_shown_as_text(environment, carl, shared, search):
    make_export(environment, "Weekly", shared)
    page = carl.get(url(environment), {"q": search})
    assert page.status_code == 200
    assert "<script>alert" not in page.content.decode()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is_and_never_as_code(environment, carl, name):
    make_export(environment, name, make_connection(environment, name + "!"))
    make_export(environment, "Innocent", make_connection(environment, "Plain"))
    page = carl.get(url(environment))
    assert sorted(names(page)) == sorted([name, "Innocent"])
    assert f"{name}!" in text_of(page)
    assert "<img src=x>" not in page.content.decode()
    assert "<b>x</b>" not in page.content.decode()
    assert cells(page, "Innocent")[2] == ["Plain"]


def queries_of(client, address):
    with CaptureQueriesContext(database) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_grow_with_the_list(environment, carl, shared):
    make_run(make_export(environment, connection=shared), State.RUNNING)
    carl.get(url(environment))
    one = queries_of(carl, url(environment))
    for state in State.values * 7:
        make_run(make_export(environment, connection=make_connection(environment)), state)
    assert queries_of(carl, url(environment)) == one
    assert one <= 8
    assert queries_of(carl, f"{url(environment)}?q=export&status=failed_any") <= 8


def test_the_summary_counts_what_moves_and_what_needs_somebody(environment, carl, shared):
    for state in (State.RUNNING, State.QUEUED, State.FAILED, State.HELD, State.SUCCEEDED):
        make_run(make_export(environment, connection=shared), state)
    page = text_of(carl.get(url(environment)))
    assert "5 exports" in page
    assert "2 running" in page
    assert "2 need your attention" in page


# Actions


def test_one_export_is_run(environment, carl, shared):
    export = make_export(environment, "Weekly", shared)
    page = carl.post(url(environment, "run"), {"id": export.pk}, follow=True)
    assert "“Weekly” queued." in text_of(page)
    run = Run.objects.get()
    assert (run.export, run.state, run.trigger, run.triggered_by.username) == (export, "queued", "person", "carl")


def test_what_cannot_run_is_left_out_and_named(environment, carl, shared):
    ready, busy = make_export(environment, "Ready", shared), make_export(environment, "Busy", shared)
    make_run(busy, State.RUNNING)
    locked = make_export(environment, "Locked", make_connection(environment, sharing=Sharing.NOBODY))
    ids = {"id": [ready.pk, busy.pk, locked.pk]}
    page = text_of(carl.post(url(environment, "run"), ids, follow=True))
    assert "“Ready” queued." in page
    assert "“Busy” is already running." in page
    assert "“Locked” was left out: you can only view it." in page
    notice = json.loads(carl.post(url(environment, "run"), ids, headers=PANEL).headers["HX-Trigger"])["notice"]
    assert notice["tone"] == "warning"
    assert notice["text"] == "“Ready” queued."
    assert notice["items"] == ["“Locked” was left out: you can only view it.", "“Busy” is already running."]
    assert not locked.runs.exists()


def test_one_that_is_left_out_is_the_whole_notice_and_hundreds_are_counted(environment, carl, shared):
    busy = [make_export(environment, f"Busy {number}", shared) for number in range(30)]
    for export in busy:
        make_run(export, State.RUNNING)
    one = carl.post(url(environment, "run"), {"id": busy[0].pk}, headers=PANEL)
    notice = json.loads(one.headers["HX-Trigger"])["notice"]
    assert (notice["text"], notice["items"]) == ("“Busy 0” is already running.", [])
    all_ = carl.post(url(environment, "run"), {"id": [export.pk for export in busy]}, headers=PANEL)
    notice = json.loads(all_.headers["HX-Trigger"])["notice"]
    assert notice["text"] == "Nothing changed."
    assert len(notice["items"]) == 21
    assert notice["items"][-1] == "10 more were left out."


def test_removing_asks_first_and_names_what_goes(environment, carl, shared):
    exports = [make_export(environment, name, shared) for name in ("One", "Two")]
    make_export(environment, "Three", shared)
    ids = {"id": [export.pk for export in exports]}
    question = text_of(carl.post(url(environment, "remove"), ids, headers=PANEL))
    assert "Remove 2 exports?" in question
    assert "One" in question
    assert Export.objects.count() == 3
    answer = carl.post(url(environment, "remove"), ids | {"confirmed": "1"}, headers=PANEL)
    assert answer.status_code == 204
    triggers = json.loads(answer.headers["HX-Trigger"])
    assert triggers["announce"] == "2 exports removed."
    assert triggers["panel:close"]
    assert triggers["exports:changed"]
    assert [export.name for export in Export.objects.all()] == ["Three"]


def test_what_runs_is_not_removed(environment, carl, shared):
    busy, idle = make_export(environment, "Busy", shared), make_export(environment, "Idle", shared)
    make_run(busy, State.RUNNING)
    page = carl.post(url(environment, "remove"), {"id": [busy.pk, idle.pk], "confirmed": "1"}, follow=True)
    assert "“Idle” removed. “Busy” is running. Cancel the job first, then remove the export." in text_of(page)
    assert [export.name for export in Export.objects.all()] == ["Busy"]


def test_a_waiting_run_is_canceled_by_name(environment, carl, shared):
    export = make_export(environment, "Weekly", shared)
    make_run(export, State.QUEUED)
    page = carl.post(url(environment, "cancel", pk=export.pk), follow=True)
    assert page.redirect_chain[-1][0] == url(environment, "progress", pk=export.pk)
    assert "Canceled" in text_of(page)
    assert "by carl" in text_of(page)
    assert Run.objects.get().canceled_by.username == "carl"


def test_canceling_what_has_ended_says_so(environment, carl, shared):
    export = make_export(environment, "Weekly", shared)
    make_run(export, State.SUCCEEDED)
    page = carl.post(url(environment, "cancel", pk=export.pk), follow=True)
    assert "The job had already ended." in text_of(page)
    assert Run.objects.get().state == "succeeded"


def test_progress_tells_the_whole_story(environment, carl, shared):
    export = make_export(environment, "Weekly", shared)
    now = timezone.now()
    steps = [{"key": "send", "label": "Send the rows", "state": "running", "note": "", "seconds": 2.0}]
    run = make_run(
        export, State.RUNNING, rows_done=400, rows_total=1000, bytes_done=5000, data_as_of=now, started_at=now,
        steps=steps, items=[{"id": 1, "name": "Everybody", "rows": 400, "expected": 1000}],
        message="The first try was interrupted.",
    )  # fmt: skip
    page = text_of(carl.get(url(environment, "progress", pk=export.pk)))
    for words in ("40 %", "400 rows", "of 1,000", "Everybody", "400 of 1,000", "Run manually", "Data as of",
                  str(run.uuid), "The first try was interrupted."):  # fmt: skip
        assert words in page, words
    assert re.search(r"\d.{1,12} left", page)
