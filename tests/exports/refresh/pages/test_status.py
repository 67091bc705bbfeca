"""Settings > System > Status, History and their panels."""

import re

import pytest
from django.urls import reverse

from exports.models import Run
from exports.refresh import start
from roles.roles import Role
from tests.exports.refresh import parts
from tests.factories import client_of, make_export, make_member, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(environment):
    return client_of(make_member(environment, Role.ADMINISTRATOR))


@pytest.fixture
def vera(environment):
    return client_of(make_member(environment, Role.VIEWER))


@pytest.fixture
def at(environment):
    return lambda name, **kwargs: reverse(f"system:{name}", kwargs={"environment": environment.slug, **kwargs})


def shown(answer):
    """Return the lines of the page as (name, type, status, reason)."""
    return [(one.name, one.type, str(one.look.label), one.reason) for one in answer.context_data["items"]]


def test_everything_is_listed_with_how_it_stands(ada, at, environment, segment):
    make_export(environment, "Nightly", segments=[segment])
    assert shown(ada.get(at("list"))) == [
        ("Customers", "Table · Customer", "Successful", ""),
        ("Everybody", "Segment", "Successful", ""),
        ("Nightly", "Export · Local folder", "Not started", ""),
    ]


def test_while_it_runs_each_says_how_far_it_is(ada, at, environment, segment):
    make_export(environment, "Nightly", segments=[segment])
    start.start(environment, by=None)
    answer = ada.get(at("list"))
    assert [line[2:] for line in shown(answer)] == [
        ("Queued", "waiting for its turn"),
        ("Queued", "waiting for its turn"),
        ("Not started", ""),
    ]
    workflow = answer.context_data["workflow"]
    assert (workflow.is_under_way, workflow.percent) == (True, 0)
    parts.work_off()
    workflow = ada.get(at("list")).context_data["workflow"]
    assert (workflow.done, workflow.total, workflow.percent) == (2, 3, 66)
    assert workflow.lines == ["1 of 1 tables", "1 of 1 segments", "0 of 1 exports"]


def test_a_canceled_refresh_counts_nothing_as_done(ada, at, environment, segment):
    make_export(environment, "Nightly", segments=[segment])
    start.start(environment, by=None)
    ada.post(at("stop"))
    parts.work_off()
    workflow = ada.get(at("list")).context_data["workflow"]
    assert (workflow.is_under_way, workflow.lines[:2]) == (False, ["0 of 1 tables", "0 of 1 segments"])


def test_a_cancel_hides_no_failure_of_the_refresh_before(ada, at, environment, table, segment):
    parts.drop(table)
    start.start(environment, by=None)
    parts.work_off()
    before = shown(ada.get(at("list")))
    start.start(environment, by=None)
    ada.post(at("stop"))
    parts.work_off()
    assert shown(ada.get(at("list"))) == before
    assert before[0][2] == "Failed"


def test_each_command_that_changes_in_place_has_a_name_of_its_own(ada, at, environment, segment):
    """A form without one would go on as another's, with what htmx listens for on it: Resume did nothing."""
    start.start(environment, by=None)
    ada.post(at("pause"), {"note": "Moving house"})
    page = ada.get(at("list")).content.decode()
    assert re.findall(r'<form class="command-form"( id="[a-z-]+")?', page) == [
        ' id="system-cancel-form"',
        ' id="system-resume-form"',
    ]


def test_failures_and_what_they_keep_back_say_why(ada, at, environment, table, segment):
    make_export(environment, "Nightly", segments=[segment])
    parts.drop(table)
    start.start(environment, by=None)
    parts.work_off()
    assert [line[2:] for line in shown(ada.get(at("list")))] == [
        ("Failed", "The table “Customers” no longer exists. Import it again."),
        ("Skipped", "“Customers” failed"),
        ("Skipped", "“Customers” failed"),
    ]


def test_what_is_put_right_by_hand_is_well_again(ada, at, environment, table, segment):
    parts.drop(table)
    start.start(environment, by=None)
    parts.work_off()
    make_table(environment)
    from segments.warehouse.members import refresh

    refresh(segment)
    assert [line[2] for line in shown(ada.get(at("list")))] == ["Successful", "Successful"]


@pytest.mark.long
def test_it_can_be_searched_filtered_and_sorted(ada, at, environment, table, segment):
    make_export(environment, "Nightly", segments=[segment])
    assert [line[0] for line in shown(ada.get(at("list"), {"q": "every"}))] == ["Everybody"]
    assert [line[0] for line in shown(ada.get(at("list"), {"kind": "table"}))] == ["Customers"]
    assert [line[0] for line in shown(ada.get(at("list"), {"status": "not_started"}))] == ["Nightly"]
    for sort in ("name", "-name", "kind", "-kind", "status", "-status", "updated", "-updated"):
        assert len(shown(ada.get(at("list"), {"sort": sort}))) == 3
    assert [line[0] for line in shown(ada.get(at("list"), {"sort": "-name"}))] == ["Nightly", "Everybody", "Customers"]


def test_a_search_without_a_hit_says_so(ada, at, segment):
    assert b"Nothing matches" in ada.get(at("list"), {"q": "zzz"}).content


def test_the_number_of_queries_does_not_depend_on_how_much_there_is(
    ada, at, environment, table, segment, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    make_export(environment, segments=[segment])
    start.start(environment, by=None)
    ada.get(at("list"))
    with CaptureQueriesContext(
        connection,
    ) as few:
        ada.get(at("list"))
    for number in range(8):
        make_table(environment, f"Table {number}", "City\nParis\n", key="City")
        make_export(environment, segments=[make_segment(table)])
    with django_assert_num_queries(len(few)):
        ada.get(at("list"))


def test_a_poll_is_answered_with_what_differs_only(ada, at, environment, segment):
    context = ada.get(at("list")).context_data
    query = {"shown": ",".join(f"{one.key}:{one.version}" for one in context["items"])}
    query |= {"head": context["head"], "all": context["listing"].all}
    assert ada.get(at("changes"), query).status_code == 204
    start.start(environment, by=None)
    answer = ada.get(at("changes"), query)
    assert [line[0] for line in shown(answer)] == ["Customers", "Everybody"]
    assert b'id="workflow"' in answer.content
    assert b'hx-trigger="every 1s"' in answer.content


def test_a_poll_says_when_something_came_or_went(ada, at, environment, segment):
    context = ada.get(at("list")).context_data
    make_export(environment, "New")
    answer = ada.get(at("changes"), {"head": context["head"], "all": context["listing"].all})
    assert b"The list has changed." in answer.content


def test_viewers_see_everything_and_no_command(vera, at, environment, segment):
    refresh = start.start(environment, by=None)
    for address in (at("list"), at("history"), at("past", uuid=refresh.uuid)):
        page = vera.get(address).content.decode()
        assert at("refresh_all") not in page
        assert at("stop") not in page
        assert at("schedule") not in page


def test_a_table_or_segment_tells_its_last_refreshes(vera, at, environment, table, segment):
    for _time in range(2):
        start.start(environment, by=None)
        parts.work_off()
    for kind, noun in (("table", table), ("segment", segment)):
        answer = vera.get(at("item", kind=kind, pk=noun.pk))
        assert [str(one.look.label) for one in answer.context_data["past"]] == ["Successful"] * 2
        assert noun.name in answer.content.decode()


def test_what_is_not_here_is_not_found(ada, at, environment, segment):
    foreign = make_segment(make_table(make_foreign()))
    assert ada.get(at("item", kind="segment", pk=foreign.pk)).status_code == 404
    assert ada.get(at("item", kind="export", pk=1)).status_code == 404
    other = start.start(foreign.environment, by=None)
    assert ada.get(at("past", uuid=other.uuid)).status_code == 404


def make_foreign():
    from tests.factories import make_environment

    return make_environment()


def test_the_history_counts_parts_and_the_panel_lists_them(vera, at, environment, table, segment):
    make_export(environment, "Nightly", segments=[segment])
    parts.drop(table)
    refresh = start.start(environment, by=None)
    parts.work_off()
    entry = vera.get(at("history")).context_data["entries"][0]
    assert (str(entry.look.label), entry.parts, entry.refresh.reason) == ("Failed", "0 of 3", "1 failed · 2 skipped")
    answer = vera.get(at("past", uuid=refresh.uuid))
    assert [one.part.name for one in answer.context_data["parts"]] == ["Customers", "Everybody", "Nightly"]
    assert "“Customers” failed" in answer.content.decode()


def test_an_export_in_the_panel_tells_what_its_run_came_to_since(vera, at, environment, segment):
    make_export(environment, "Nightly", segments=[segment])
    refresh = start.start(environment, by=None)
    parts.work_off()
    Run.objects.update(state="retrying")
    parts.work_off()
    Run.objects.update(state="succeeded")
    past = vera.get(at("past", uuid=refresh.uuid)).context_data["parts"]
    assert {one.part.name: str(one.look.label) for one in past}["Nightly"] == "Successful"


def test_after_a_command_the_list_asks_at_once_for_what_stands_around_it(ada, at, environment, segment):
    answer = ada.get(at("list"), headers={"HX-Request": "true", "HX-Target": "list"})
    assert answer.template_name == "system/status.html#list"
    assert b'hx-trigger="load, every 5s"' in answer.content
    assert b"head=&amp;" in answer.content
