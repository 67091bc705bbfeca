"""The history of runs: what became of each, found again by status, trigger, time, name and id."""

import csv
import io
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from exports.history import day_chart, filters, listing
from exports.models import Run
from exports.models.states import FINAL, State
from roles.net import downloads
from roles.net.spreadsheet import BOM
from roles.roles import Role
from tests.exports.pages import OWNED, text_of
from tests.factories import client_of, make_connection, make_environment, make_export, make_member

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def export(environment):
    return make_export(environment, "Call list")


@pytest.fixture
def vera(environment):
    """A viewer's browser."""
    return client_of(make_member(environment, Role.VIEWER, "vera"))


def ran(export, moment=NOON, state=State.SUCCEEDED, **values):
    """A run of `export` that was queued at `moment` and, unless it says otherwise, took a minute."""
    ended = {"started_at": moment, "ended_at": moment + timedelta(minutes=1)} if state in FINAL else {}
    owner = OWNED if state == State.RUNNING else {}
    values = {"trigger": "person", "queued_at": moment} | ended | owner | values
    return Run.objects.create(environment=export.environment, export=export, state=state, **values)


def url(environment, one=None, name="", **query):
    name = name or ("history_of" if one else "history")
    kwargs = {"environment": environment.slug} | ({"pk": one.pk} if one else {})
    return reverse(f"exports:{name}", kwargs=kwargs, query=query)


def shown(client, environment, one=None, **query):
    """The runs of a page, of one export or of all, in its order."""
    return client.get(url(environment, one, **query)).context_data["page"].runs


def test_a_viewer_sees_every_run_newest_first_and_none_of_another_environment(environment, export, vera):
    first, second = ran(export, NOON), ran(make_export(environment), NOON + timedelta(hours=1))
    ran(make_export(make_environment()))
    assert shown(vera, environment) == [second, first]
    assert shown(vera, environment, export) == [first]


def test_a_run_is_told_with_what_became_of_it_and_leads_to_its_details(environment, export, vera):
    person = make_member(environment, Role.CONTRIBUTOR, "carla")
    run = ran(export, triggered_by=person, rows_done=1234, tries=1, claims=1, data_as_of=NOON)
    page = text_of(vera.get(url(environment, export)))
    for words in ("Successful", "Run manually · carla", "1,234", "1 min 0 s", "Attempts: 2 (1 failed)", str(run.uuid)):
        assert words in page
    details = reverse(
        "exports:run_progress", kwargs={"environment": environment.slug, "pk": export.pk, "uuid": run.uuid}
    )
    assert f'href="{details}"' in page


def test_a_skipped_occurrence_stands_at_its_time_and_names_why(environment, export, vera):
    ran(export, NOON)
    values = {"started_at": None, "due": NOON - timedelta(hours=2), "trigger": "schedule"}
    skipped = ran(export, NOON + timedelta(hours=1), State.SKIPPED, reason="An earlier run goes on", **values)
    assert shown(vera, environment)[1] == skipped
    page = text_of(vera.get(url(environment)))
    assert "An earlier run goes on" in page
    assert "Due · ended 13:01:00" in page


def test_a_late_run_and_a_test_are_marked(environment, export, vera):
    ran(export, is_late=True, due=NOON, trigger="schedule")
    ran(export, trigger="test", most_rows=10)
    page = text_of(vera.get(url(environment)))
    assert "Late</span>" in page
    assert '<span class="badge">Test of 10</span>' in page


def test_contributors_and_viewers_see_no_detail(environment, export, vera, carl):
    ran(export, state=State.FAILED, detail="planted-host refused", message="The server did not answer.")
    for client in (vera, carl):
        for address in (url(environment), url(environment, export), url(environment, name="history_download")):
            assert "planted" not in content_of(client.get(address))


def content_of(response):
    return b"".join(response.streaming_content if response.streaming else [response.content]).decode()


@pytest.mark.parametrize(
    "query",
    [
        {"status": "failed"},
        {"trigger": "schedule"},
        {"since": "2026-03-11", "until": "2026-03-11"},
        {"since": "2026-03-11", "period": "custom"},
        {"q": "11111111-1111"},
        {"q": "11111111-1111-4111-8111-111111111111"},
        {"q": "winback"},
        {"status": "failed", "trigger": "schedule", "since": "2026-03-11", "q": "Win"},
    ],
    ids=["status", "trigger", "day", "since", "id's beginning", "id", "name", "all"],
)
def test_filters_find_the_run(environment, export, vera, query):
    ran(export, trigger="person")
    wanted = {"trigger": "schedule", "uuid": uuid.UUID("11111111-1111-4111-8111-111111111111")}
    found = ran(make_export(environment, "Winback"), NOON + timedelta(days=1), State.FAILED, **wanted)
    assert shown(vera, environment, **query) == [found]
    assert "Show all" in text_of(vera.get(url(environment, **query)))


@pytest.mark.parametrize(("period", "count"), [("24h", 1), ("7d", 2), ("30d", 3), ("", 4)])
def test_a_period_counts_back_from_now(environment, export, vera, period, count):
    for days in (0, 5, 20, 200):
        ran(export, timezone.now() - timedelta(days=days, minutes=1))
    assert len(shown(vera, environment, period=period)) == count
    assert len(shown(vera, environment, export, period=period)) == count


@pytest.mark.parametrize(
    "query",
    [
        {"status": "x", "trigger": "x", "period": "x", "sort": "x"},
        {"since": "yesterday", "until": "2026-13-01"},
        {"before": "x", "after": "-1", "page": "x"},
        {"after": "9" * 30},
        {"period": "custom"},
        {"since": "0001-01-01", "until": "9999-12-31"},
        {"since": "1970-01-01", "until": "9998-12-31"},
        {"export": "x"},
        {"q": "\0"},
    ],
    ids=["words", "days", "pages", "long", "no days", "ends of time", "wide", "export", "nothing"],
)
def test_what_cannot_be_understood_asks_for_nothing(environment, export, vera, query):
    run = ran(export)
    assert shown(vera, environment, **query) == [run]
    assert shown(vera, environment, export, **query) == [run]


def test_what_nobody_is_called_finds_nothing(environment, export, vera):
    ran(export)
    assert "No runs match" in text_of(vera.get(url(environment, q="nobody")))
    assert "No runs match" in text_of(vera.get(url(environment, export, q="Call list")))
    assert "No runs yet" in text_of(vera.get(url(environment, make_export(environment))))


def test_a_search_that_many_exports_match_finds_their_runs(environment, export, vera, monkeypatch):
    monkeypatch.setattr(filters, "MOST_NAMED", 1)
    ran(export)
    runs = [ran(make_export(environment, f"Winback {number}"), NOON + timedelta(hours=number)) for number in range(3)]
    assert shown(vera, environment, q="winback") == runs[::-1]


def test_a_letter_of_a_search_is_no_pattern(environment, vera):
    run = ran(make_export(environment, "100%_sure"))
    ran(make_export(environment, "100 who are sure"))
    assert shown(vera, environment, q="100%_") == [run]


@pytest.mark.parametrize("sort", ["", "when"])
def test_pages_go_to_the_end_and_back_also_among_runs_of_one_moment(environment, export, vera, sort):
    made = [ran(export, NOON + timedelta(minutes=number // 40)).pk for number in range(120)]
    in_order = made if sort else made[::-1]
    pages, query = [], {"sort": sort}
    for _number in range(3):
        page = vera.get(url(environment, **query)).context_data["page"]
        pages.append([run.pk for run in page.runs])
        query = {"sort": sort, "after": page.next.after if page.next else ""}
    assert sorted(made) == sorted(pk for part in pages for pk in part)
    if not sort:
        assert [pk for part in pages for pk in part] == by_moment(in_order)
    assert page.next is None
    back = vera.get(url(environment, sort=sort, before=page.previous.before)).context_data["page"]
    assert [run.pk for run in back.runs] == pages[1]
    first = vera.get(url(environment, sort=sort, before=back.previous.before)).context_data["page"]
    assert [run.pk for run in first.runs] == pages[0]
    assert first.previous is None


def by_moment(keys):
    runs = Run.objects.in_bulk(keys).values()
    return [run.pk for run in sorted(runs, key=lambda run: (run.queued_at, run.pk), reverse=True)]


def test_a_page_goes_on_from_no_run_of_another_environment(environment, export, vera):
    run, foreign = ran(export, NOON), ran(make_export(make_environment()), NOON - timedelta(days=1))
    assert shown(vera, environment, after=foreign.pk) == [run]


@pytest.mark.parametrize(
    ("sort", "order"),
    [("-rows", [2, 0, 1, 3]), ("rows", [1, 0, 2, 3]), ("-duration", [1, 0, 2, 3]), ("duration", [2, 0, 1, 3])],
)
def test_rows_and_duration_sort_both_ways_what_has_none_at_the_end(environment, export, vera, sort, order):
    runs = [
        ran(export, rows_done=20, ended_at=NOON + timedelta(seconds=20)),
        ran(export, rows_done=10, ended_at=NOON + timedelta(seconds=30)),
        ran(export, rows_done=30, ended_at=NOON + timedelta(seconds=10)),
        ran(export, state=State.SKIPPED, started_at=None),
    ]
    assert shown(vera, environment, sort=sort) == [runs[place] for place in order]


def test_a_rank_is_among_the_newest_and_says_so(environment, export, vera, monkeypatch):
    monkeypatch.setattr(listing, "MOST_RANKED", 2)
    monkeypatch.setattr(listing, "MOST_COUNTED", 2)
    runs = [ran(export, NOON + timedelta(hours=number), rows_done=10 - number) for number in range(3)]
    assert shown(vera, environment, sort="-rows") == [runs[1], runs[2]]
    page = text_of(vera.get(url(environment, sort="-rows")))
    assert "More than 2 runs" in page
    assert "sorted among the newest 2" in page


def test_pages_of_a_rank_follow_each_other(environment, export, vera, monkeypatch):
    monkeypatch.setattr(listing, "PAGE_SIZE", 2)
    runs = [ran(export, rows_done=number) for number in range(5)]
    pages = [shown(vera, environment, sort="rows", page=number) for number in (1, 2, 3)]
    assert [run for page in pages for run in page] == runs
    page = vera.get(url(environment, sort="rows", page=3)).context_data["page"]
    assert (page.previous.page, page.next) == (2, None)


def test_queries_do_not_grow_with_runs_and_exports(environment, export, vera):
    def fill(count):
        for number in range(count):
            person = make_member(environment, Role.CONTRIBUTOR)
            ran(make_export(environment, f"Nth {uuid.uuid4()}"), triggered_by=person)
            ran(export, NOON + timedelta(days=number), FINAL[number % len(FINAL)], triggered_by=person)

    def queries(**query):
        counts = []
        for one in (None, export):
            with CaptureQueriesContext(connection) as seen:
                vera.get(url(environment, one, **query))
            counts.append(len(seen))
        return counts

    fill(2)
    asked = ({}, {"q": "Nth", "status": "succeeded"}, {"sort": "-rows"})
    queries()
    few = [queries(**query) for query in asked]
    fill(8)
    assert [queries(**query) for query in asked] == few
    assert max(max(pair) for pair in few) <= 12


def test_htmx_gets_the_list_alone(environment, export, vera):
    ran(export)
    answer = vera.get(url(environment), headers={"HX-Request": "true", "HX-Target": "list"})
    assert answer.content.decode().lstrip().startswith('<div id="list"')


def downloaded(client, environment, **query):
    answer = client.get(url(environment, name="history_download", **query))
    data = b"".join(answer.streaming_content)
    assert data.startswith(BOM)
    return list(csv.DictReader(io.StringIO(data.removeprefix(BOM).decode(), newline="")))


def test_the_download_holds_what_is_filtered(environment, export, vera):
    ran(export, NOON, rows_done=7, due=NOON, trigger="schedule", is_late=True)
    ran(export, NOON + timedelta(hours=1), State.FAILED, message="No answer.")
    ran(make_export(environment, "Other"))
    (row,) = downloaded(vera, environment, export=export.pk, status="succeeded")
    assert (row["export"], row["status"], row["rows_sent"], row["seconds"]) == ("Call list", "succeeded", "7", "60.000")
    assert (row["due"], row["late"]) == ("2026-03-10T12:00:00.000+00:00", "1")
    assert [row["message"] for row in downloaded(vera, environment, status="failed")] == ["No answer."]
    assert len(downloaded(vera, environment)) == 3


def test_a_download_holds_no_formula(environment, vera):
    ran(make_export(environment, "=cmd|' /C calc'!A0"), state=State.SKIPPED, reason="@SUM(1)")
    (row,) = downloaded(vera, environment)
    assert row["export"].startswith("'=")
    assert row["reason"].startswith("'@")


def test_a_person_has_two_downloads_at_once_and_is_told_so(environment, export, vera):
    ran(export)
    at = url(environment, name="history_download")
    going_on = [vera.get(at) for _number in range(downloads.MOST_OF_A_PERSON)]
    refused = vera.get(at)
    assert refused.status_code == 429
    assert "Two of your downloads are in progress." in text_of(refused)
    for response in going_on:
        assert b"".join(response.streaming_content)
    assert len(downloaded(vera, environment)) == 1


def test_a_download_is_read_in_batches(environment, export):
    for number in range(7):
        ran(export, NOON + timedelta(minutes=number // 3))
    runs = Run.objects.filter(environment=environment)
    batches = list(listing.in_batches(runs, ("pk", "due", "queued_at"), size=3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert len({run.pk for batch in batches for run in batch}) == 7


def chart_of(client, environment, one=None, **query):
    return client.get(url(environment, one, **query)).context_data["chart"]


def told(chart):
    """What a chart's series are, with the words for the highest."""
    return [(one.name, one.words) for one in chart.series]


def test_an_export_s_chart_shows_rows_and_duration_and_marks_what_went_wrong(environment, export, vera):
    ran(export, NOON, rows_done=100)
    ran(export, NOON + timedelta(hours=1), State.FAILED)
    ran(export, NOON + timedelta(hours=2), State.HELD, held_for=[])
    ran(export, NOON + timedelta(hours=3), trigger="test", most_rows=10)
    chart = chart_of(vera, environment, export)
    assert [column.mark.icon for column in chart.columns if column.mark] == ["alert-circle", "pause-circle"]
    assert told(chart) == [("Rows", "100"), ("Duration", "1 min 0 s")]
    assert "1 Successful" in chart.description
    page = text_of(vera.get(url(environment, export)))
    assert f'<desc id="chart-description">{chart.description}</desc>' in page
    assert "style=" not in page


def test_one_run_makes_no_chart(environment, export, vera):
    ran(export)
    assert chart_of(vera, environment, export) is None


def test_the_environment_s_chart_counts_ends_by_day(environment, export, vera):
    for state in (State.SUCCEEDED, State.SUCCEEDED, State.FAILED):
        ran(export, NOON, state)
    ran(export, NOON - timedelta(days=2), State.SKIPPED)
    ran(make_export(environment), NOON, State.QUEUED)
    chart = chart_of(vera, environment, since="2026-03-08", until="2026-03-10")
    assert [column.label for column in chart.columns] == ["8", "9", "10"]
    assert [(look.label, count) for look, count in chart.legend] == [
        ("Successful", 2),
        ("Failed (permanent)", 1),
        ("Skipped", 1),
    ]
    assert [column.mark.icon for column in chart.columns if column.mark] == ["minus-circle", "alert-circle"]
    assert told(chart) == [("Runs", "3")]


def test_a_day_that_is_too_much_to_count_is_left_out_of_the_chart(environment, export, vera, monkeypatch):
    monkeypatch.setattr(day_chart, "MOST_COUNTED", 2)
    for hours in (0, 1, 24, 48):
        ran(export, NOON - timedelta(hours=hours))
    chart = chart_of(vera, environment, since="2026-03-08", until="2026-03-10")
    assert [column.label for column in chart.columns] == ["10"]
    assert told(chart) == [("Runs", "2")]


def test_the_last_24_hours_are_counted_by_the_hour(environment, export, vera):
    ran(export, timezone.now() - timedelta(hours=1))
    chart = chart_of(vera, environment, period="24h")
    assert chart.title == "Runs by hour and status"
    assert len(chart.columns) == 25


def test_the_exports_page_and_progress_details_lead_here(environment, export, vera):
    run = ran(export)
    assert url(environment) in text_of(vera.get(reverse("exports:list", kwargs={"environment": environment.slug})))
    details = reverse(
        "exports:run_progress", kwargs={"environment": environment.slug, "pk": export.pk, "uuid": run.uuid}
    )
    assert url(environment, export) in text_of(vera.get(details))


def test_a_removed_connection_leaves_the_history(environment, vera):
    export = make_export(environment, connection=make_connection(environment))
    ran(export, connection=export.connection)
    export.connection = None
    export.save()
    assert len(shown(vera, environment, export)) == 1
