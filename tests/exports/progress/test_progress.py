"""Progress details of any run: what they show to whom, and that they are quiet unless something changes."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from exports.models import Export, ReasonCode, Run
from exports.models.states import State
from roles.roles import Role
from segments.models import Table
from tests.factories import client_of, make_export, make_member, make_segment

pytestmark = pytest.mark.django_db
OWNED = {"token": "00000000-0000-0000-0000-000000000001", "lease_until": "2099-01-01T00:00:00Z"}
PANEL = {"HX-Request": "true", "HX-Target": "panel"}
POLL = {"HX-Request": "true", "HX-Target": "progress-poll"}


@pytest.fixture
def export(environment, shared):
    return make_export(environment, "Weekly", shared)


@pytest.fixture
def vera(environment):
    return client_of(make_member(environment, Role.VIEWER, "vera"))


def make_run(export, state=State.SUCCEEDED, is_last=True, **values):
    owner = OWNED if state == State.RUNNING else {}
    trigger = values.pop("trigger", "person")
    run = Run.objects.create(
        environment=export.environment, export=export, state=state, trigger=trigger, **owner, **values
    )
    if is_last:
        Export.objects.filter(pk=export.pk).update(last_run=run)
        export.refresh_from_db()
    return run


def make_ended(export, minutes, **values):
    """Give `export` a run that took ten seconds and ended `minutes` ago."""
    ended = timezone.now() - timedelta(minutes=minutes)
    return make_run(export, ended_at=ended, started_at=ended - timedelta(seconds=10), **values)


def url(export, name="progress", **kwargs):
    return reverse(f"exports:{name}", kwargs={"environment": export.environment.slug, "pk": export.pk, **kwargs})


def of_run(run):
    return url(run.export, "run_progress", uuid=run.uuid)


def text_of(response):
    return unescape(response.content.decode())


def poll_of(response):
    """Where and how soon the panel asks again; None when it is quiet."""
    found = re.search(r'id="progress-poll"[^>]*hx-get="([^"]*)" hx-trigger="([^"]*)"', response.content.decode())
    return (unescape(found[1]), found[2]) if found else None


# Any run


def test_each_of_the_last_runs_is_a_link_with_its_rows_and_duration_in_words(carl, export):
    first = make_ended(export, 60, rows_done=1000)
    second = make_ended(export, 30, rows_done=500, state=State.FAILED)
    third = make_ended(export, 10, rows_done=2000)
    page = text_of(carl.get(url(export)))
    links = re.findall(r'<a class="column tone-(\w+)" id="[\w-]+" href="([^"]+)"[^>]*?( aria-current="true")?>', page)
    assert links == [
        ("success", of_run(first), ""),
        ("danger", of_run(second), ""),
        ("success", of_run(third), ' aria-current="true"'),
    ]
    assert re.search(r"Successful · 1,000 rows · 10 s</span>", page)
    assert re.search(r"Failed \(permanent\) · 10 s</span>", page), "nothing of a failed run was delivered"


def test_an_earlier_run_has_details_of_its_own_and_a_way_to_the_last_one(carl, export):
    first = make_ended(export, 60, rows_done=1000)
    last = make_ended(export, 10, rows_done=2000)
    page = text_of(carl.get(of_run(first)))
    assert str(first.uuid) in page
    assert str(last.uuid) not in page.replace(of_run(last), "")
    assert "This is an earlier run." in page
    assert f'href="{url(export)}"' in page
    assert "This is an earlier run." not in text_of(carl.get(of_run(last)))


def test_a_run_of_another_export_is_not_found(carl, environment, export, shared):
    run = make_run(export)
    other = make_export(environment, "Other", shared)
    assert carl.get(url(other, "run_progress", uuid=run.uuid)).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_runs(carl, export):
    make_ended(export, 500)
    make_ended(export, 400)

    def queries():
        with CaptureQueriesContext(database) as captured:
            carl.get(url(export), headers=PANEL)
        return len(captured)

    queries()
    few = queries()
    for minutes in range(30):
        make_ended(export, 30 - minutes, files=[{"path": "a.csv", "rows": 1, "bytes": 1, "sha256": "0"}] * 20)
    assert queries() <= few + 1
    page = text_of(carl.get(url(export)))
    assert page.count('class="column ') == 12


# Live and quiet


def test_nothing_is_answered_while_nothing_changes(carl, export):
    run = make_run(export, State.RUNNING, rows_done=10, rows_total=100)
    address, how_soon = poll_of(carl.get(url(export), headers=PANEL))
    assert how_soon == "every 1s"
    assert carl.get(address, headers=POLL).status_code == 204
    Run.objects.filter(pk=run.pk).update(rows_done=20)
    changed = carl.get(address, headers=POLL)
    assert "20 %" in changed.content.decode()
    assert "<html" not in changed.content.decode()
    assert carl.get(poll_of(changed)[0], headers=POLL).status_code == 204


def test_the_page_of_its_own_is_as_quiet(carl, export):
    make_run(export, State.QUEUED)
    page = carl.get(url(export))
    assert "<h2 class=" in page.content.decode() or "section-title" not in page.content.decode()
    assert carl.get(poll_of(page)[0], headers=POLL).status_code == 204


@pytest.mark.parametrize("state", [State.SUCCEEDED, State.WARNED, State.FAILED, State.SKIPPED, State.CANCELED])
def test_an_ended_run_asks_no_more(carl, export, state):
    run = make_run(export, State.RUNNING, rows_done=10, rows_total=100)
    address, _how_soon = poll_of(carl.get(url(export), headers=PANEL))
    Run.objects.filter(pk=run.pk).update(state=state, token=None, lease_until=None, ended_at=timezone.now())
    assert poll_of(carl.get(address, headers=POLL)) is None


def test_a_screen_reader_hears_of_states_and_quarters_alone(carl, export):
    run = make_run(export, State.QUEUED)

    def said():
        page = carl.get(url(export), headers=PANEL).content.decode()
        return re.search(r'<p id="progress-said"[^>]*role="status">([^<]*)', page)[1]

    heard = [said()]
    for rows in range(0, 101, 5):
        Run.objects.filter(pk=run.pk).update(state=State.RUNNING, rows_done=rows, rows_total=100, **OWNED)
        heard.append(said())
    Run.objects.filter(pk=run.pk).update(state=State.SUCCEEDED, token=None, lease_until=None)
    heard.append(said())
    told = ["Queued", *(f"Refreshing, {percent} %" for percent in (0, 25, 50, 75, 100)), "Successful"]
    assert list(dict.fromkeys(heard)) == told


# What is known of a run


def test_items_are_named_by_kind_with_rows_and_percent_of_their_own(carl, export):
    items = [
        {"kind": "table", "id": 1, "name": "Orders", "rows": 500, "expected": 1000},
        {"kind": "members", "id": 2, "name": "Everybody", "rows": 0, "expected": 10},
        {"kind": "table", "id": 3, "name": "Notes", "rows": 7, "expected": None},
        {"id": 4, "name": "Of an older version", "rows": 1, "expected": 1},
    ]
    make_run(export, State.RUNNING, rows_done=507, rows_total=1010, items=items)
    page = text_of(carl.get(url(export)))
    shown = re.search(r'<ul class="item-list">.*?</ul>', page, re.DOTALL)[0]
    words = re.sub(r"<[^>]+>", " ", shown).split()
    assert " ".join(words) == (
        "Orders Table 500 of 1,000 Everybody Member list 0 of 10 Notes Table 7 Of an older version 1 of 1"
    )
    assert re.findall(r'<progress value="(\d+)" max="100" aria-label="(\w+)', shown)[:2] == [
        ("50", "Orders"),
        ("0", "Everybody"),
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tries": 0, "claims": 1}, None),
        ({"tries": 0, "claims": 3}, "3 (2 interrupted)"),
        ({"tries": 2, "claims": 1}, "3 (2 failed)"),
        ({"tries": 2, "claims": 2}, "4 (2 failed, 1 interrupted)"),
        ({"tries": 1, "claims": 0, "state": State.RETRYING}, None),
        ({"tries": 2, "claims": 0, "state": State.RETRYING}, "2 (2 failed)"),
        ({"tries": 0, "claims": 2, "state": State.QUEUED}, "2 (2 interrupted)"),
    ],
)
def test_attempts_are_counted_with_what_became_of_them(carl, export, values, words):
    make_run(export, **{"state": State.RUNNING, **values})
    page = text_of(carl.get(url(export)))
    found = re.search(r"<dt>Attempts</dt><dd>([^<]*)", page)
    assert (found[1] if found else None) == words


def test_a_retrying_run_says_when_it_is_tried_next_and_when_to_do_something(carl, export):
    in_a_while = timezone.now() + timedelta(minutes=5, seconds=30)
    make_run(export, State.RETRYING, not_before=in_a_while, message="The server did not answer.", tries=1)
    page = text_of(carl.get(url(export)))
    assert "next attempt in 5 min" in page
    assert "Retry in 5 min. No action is needed unless that fails too." in page
    assert "<dt>Next try</dt>" in page


# Failures and their ways out


def test_segments_that_are_not_eligible_offer_both_remedies(carl, export, table):
    Table.objects.filter(pk=table.pk).update(profile_kind="account")
    segments = [make_segment(table, name) for name in ("Accounts A", "Accounts B")]
    step = {"key": "check", "label": "Check", "state": "failed", "note": ""}
    step["not_eligible"] = [segment.pk for segment in segments] + [10**9, "x"][:1]
    message = (
        "The following segments are not eligible for this export destination: 'Accounts A', 'Accounts B'. "
        "Please choose only segments of type ContactProfile and try again."
    )
    make_run(export, State.FAILED, message=message, reason="Segment not eligible", steps=[step])
    page = text_of(carl.get(url(export)))
    assert message in page
    at = {"environment": export.environment.slug}
    for segment in segments:
        assert f'href="{reverse("segments:add", kwargs=at)}?like={segment.pk}&export={export.pk}"' in page
        assert f"Create contact segment like “{segment.name}”" in page
    assert re.search(rf'href="{url(export, "edit")}"[^>]*>Edit export<', page)


def test_a_viewer_gets_the_message_without_ways_that_are_closed_to_them(vera, export, segment):
    step = {"key": "check", "label": "Check", "state": "failed", "note": "", "not_eligible": [segment.pk]}
    make_run(export, State.FAILED, message="Not eligible. Edit the export.", reason="No", steps=[step], detail="Secret")
    page = text_of(vera.get(url(export)))
    assert "Not eligible." in page
    for closed in ("Create contact segment", "Edit export", "Secret", "Send a test", "progress-run", "Cancel job"):
        assert closed not in page


def test_a_target_that_refuses_is_a_matter_for_administrators(carl, export):
    ada = client_of(make_member(export.environment, Role.ADMINISTRATOR, "ada"))
    step = {"key": "send", "label": "Send", "state": "failed", "note": "", "seconds": 1.0}
    message = "The server did not accept the password. Enter it again."
    words = {"message": message, "reason": "The server did not accept the password", "reason_code": ReasonCode.TARGET}
    make_run(export, State.FAILED, **words, steps=[step])
    assert f"{message} Need access? Ask ada." in text_of(carl.get(url(export)))
    page = text_of(ada.get(url(export)))
    assert "Ask ada" not in page
    assert re.search(r'href="[^"]*/connections/\d+/"[^>]*>Edit the connection<', page)


def test_data_that_cannot_be_read_are_no_fault_of_the_connection(carl, export):
    step = {"key": "send", "label": "Send", "state": "failed", "note": "", "seconds": 1.0}
    make_run(export, State.FAILED, message="The data does not match", reason="Data could not be read", steps=[step])
    page = text_of(carl.get(url(export)))
    assert "Need access?" not in page
    assert "Edit export" in page


# A test of 10


@pytest.mark.django_db(transaction=True)
def test_a_test_of_ten_is_sent_from_the_panel_and_watched_there(carl, export):
    make_ended(export, 10, rows_done=99)
    page = text_of(carl.post(url(export, "test"), headers=PANEL))
    test = Run.objects.get(trigger="test")
    assert str(test.uuid) in page
    assert "At most 10 records of each, sent to a separate test folder." in page
    export.refresh_from_db()
    assert export.last_run_id != test.pk
    assert "Send a test of 10" not in page, "one at a time"
    assert "is running or waiting" in carl.post(url(export, "test"), headers=PANEL).headers["HX-Trigger"]
    assert "is running or waiting" in text_of(carl.post(url(export, "test"), follow=True))


@pytest.mark.django_db(transaction=True)
def test_a_test_is_canceled_and_the_last_run_is_left_alone(carl, export):
    last = make_ended(export, 10, rows_done=99)
    shown = carl.post(url(export, "test"), follow=True)
    test = Run.objects.get(trigger="test")
    assert shown.redirect_chain[-1][0] == of_run(test)
    assert f'name="run" value="{test.uuid}"' in text_of(shown)
    carl.post(url(export, "cancel"), {"run": test.uuid}, headers=POLL)
    test.refresh_from_db()
    last.refresh_from_db()
    assert (test.state, last.state) == (State.CANCELED, State.SUCCEEDED)


@pytest.mark.parametrize("run", ["", "x", "00000000-0000-0000-0000-000000000000", "\0"])
def test_canceling_what_is_no_run_of_the_export_is_not_found(carl, export, run):
    make_run(export, State.QUEUED)
    assert carl.post(url(export, "cancel"), {"run": run}).status_code == 404
    assert Run.objects.get().state == State.QUEUED
