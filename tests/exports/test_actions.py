"""Create duplicate, Detach connection and reattach, Run all, and commands without a selection."""

import pytest
from django.urls import reverse

from connections.models import Connection, Sharing
from exports import actions
from exports.models import Export, Run
from exports.models.states import State
from exports.runs import queue
from roles.models import AuditEvent
from roles.roles import Role
from tests.factories import (
    client_of,
    make_connection,
    make_export,
    make_member,
)

pytestmark = pytest.mark.django_db(transaction=True)
PANEL = {"HX-Request": "true", "HX-Target": "panel"}


@pytest.fixture
def export(environment, shared, segment):
    return make_export(
        environment, "Calls", shared, [segment], description="For the agency", settings={"compression": "gzip"}
    )


def url(name, export=None, environment=None):
    kwargs = {"environment": (environment or export.environment).slug}
    return reverse(f"exports:{name}", kwargs=kwargs | ({"pk": export.pk} if name in {"duplicate", "edit"} else {}))


def test_a_duplicate_is_filled_in_and_exists_only_once_it_is_saved(export, carl, segment):
    page = carl.get(url("duplicate", export))
    setup = page.context_data["setup"]
    assert setup.form["name"].value() == "Copy of Calls"
    assert setup.form["description"].value() == "For the agency"
    assert setup.segments == [segment]
    assert Export.objects.count() == 1
    body = {
        "name": "Copy of Calls",
        "connection": export.connection_id,
        "segments": [segment.pk],
        "schedule_mode": "off",
        "settings-compression": "gzip",
    }
    assert carl.post(url("duplicate", export), body).status_code == 302
    copy = Export.objects.get(name="Copy of Calls")
    assert (copy.settings, copy.last_run, copy.created_by.username) == (
        {"delimiter": "comma", "compression": "gzip"},
        None,
        copy.created_by.username,
    )
    again = carl.get(url("duplicate", export)).context_data["setup"]
    assert again.form["name"].value() == "Copy of Calls (2)"


def test_a_duplicate_of_an_export_on_an_unshared_connection_has_none(environment, shared, carl):
    locked = make_export(environment, "Locked", make_connection(environment, sharing=Sharing.NOBODY))
    setup = carl.get(url("duplicate", locked)).context_data["setup"]
    assert setup.connection is None
    assert setup.can_edit


def test_a_very_long_name_is_cut_to_fit(export, carl):
    Export.objects.update(name="x" * 120)
    name = carl.get(url("duplicate", export)).context_data["setup"].form["name"].value()
    assert len(name) == 120
    assert name.startswith("Copy of ")


def test_detaching_keeps_configuration_and_connection_and_cancels_a_waiting_run(export, carl):
    run, _is_new = actions.run_now(export, by=None)
    page = carl.post(url("detach", export), {"id": [export.pk]})
    assert "Calls" in page.content.decode()
    export.refresh_from_db()
    assert export.connection
    carl.post(url("detach", export), {"id": [export.pk], "confirmed": "1"})
    export.refresh_from_db()
    run.refresh_from_db()
    assert (export.connection, run.state) == (None, State.CANCELED)
    assert export.settings == {"compression": "gzip"}
    assert Connection.objects.count() == 1
    assert AuditEvent.objects.filter(action="detach").count() == 1
    assert "No Connection" in carl.get(url("list", export)).content.decode()


def test_detaching_while_it_runs_is_refused_and_nothing_changes(export, carl):
    actions.run_now(export, by=None)
    queue.claim()
    page = carl.post(url("detach", export), {"id": [export.pk], "confirmed": "1"}, follow=True)
    assert "is running. Cancel the job first" in page.content.decode()
    export.refresh_from_db()
    assert export.connection


def test_whoever_could_edit_a_detached_export_attaches_it_again(export, carl, segment, shared):
    viewer = client_of(make_member(export.environment, Role.VIEWER))
    actions.detach(export, by=None)
    assert viewer.post(url("edit", export), {}).status_code == 403
    body = {"name": "Calls", "connection": shared.pk, "segments": [segment.pk], "schedule_mode": "off"}
    assert carl.post(url("edit", export), body).status_code == 302
    export.refresh_from_db()
    assert (export.connection, export.detached_sharing) == (shared, "")


def test_an_export_detached_from_an_unshared_connection_stays_out_of_contributors_hands(environment, shared, carl):
    locked = make_export(environment, "Locked", make_connection(environment, sharing=Sharing.NOBODY))
    actions.detach(locked, by=None)
    assert carl.post(url("edit", locked), {}).status_code == 403
    assert carl.post(url("remove", locked), {"id": [locked.pk], "confirmed": "1"}).status_code == 403
    assert "View only" in carl.get(url("list", locked)).content.decode()


def test_a_detached_export_cannot_run(export, carl):
    actions.detach(export, by=None)
    page = carl.post(url("run", export), {"id": [export.pk]}, follow=True)
    assert "has no connection" in page.content.decode()
    assert not Run.objects.exists()


def test_run_all_runs_active_schedules_that_the_user_may_edit_and_says_what_it_leaves_out(environment, shared, carl):
    make_export(environment, "Follows", shared)
    make_export(environment, "By hand", shared, schedule_mode="off")
    make_export(environment, "Locked", make_connection(environment, sharing=Sharing.NOBODY))
    busy = make_export(environment, "Busy", shared)
    actions.run_now(busy, by=None)
    actions.detach(make_export(environment, "Loose", shared), by=None)
    plan = carl.get(url("run_all", environment=environment)).context_data["plan"]
    assert [export.name for export in plan.to_run] == ["Follows"]
    assert dict(plan.left_out) == {
        "Running or waiting already": ["Busy"],
        "Schedule is off": ["By hand"],
        "You can only view them": ["Locked"],
        "No connection": ["Loose"],
    }
    assert Run.objects.count() == 1
    page = carl.post(url("run_all", environment=environment), follow=True)
    said = page.content.decode()
    assert "“Follows” queued." in said
    for reason in ("Running or waiting already", "Schedule is off", "You can only view them", "No connection"):
        assert f"{reason}: 1 left out" in said
    assert set(Run.objects.values_list("export__name", flat=True)) == {"Follows", "Busy"}


def test_run_all_lists_names_one_by_one_and_counts_those_above_twenty(environment, shared, carl):
    for number in range(23):
        make_export(environment, f"North, south {number:02}", shared)
        make_export(environment, f"By hand, {number:02}", shared, schedule_mode="off")
    page = carl.get(url("run_all", environment=environment)).content.decode()
    assert "Run 23 exports now?" in page
    assert ">By hand, 19</li>" in page
    assert "By hand, 20" not in page
    assert "North, south 20" not in page
    assert page.count("and 3 more") == 2


@pytest.mark.parametrize(
    "mode, words", [("off", "You can run no export with an active schedule"), (None, "No exports yet.")]
)
def test_run_all_with_nothing_to_run_offers_no_button(environment, shared, carl, mode, words):
    if mode:
        make_export(environment, "By hand", shared, schedule_mode=mode)
    page = carl.get(url("run_all", environment=environment)).content.decode()
    panel = page.split('class="panel"')[1]
    assert "Nothing to run" in panel
    assert words in panel
    assert "button-primary" not in panel


@pytest.mark.parametrize("command", ["run", "detach", "remove"])
def test_a_command_with_nothing_selected_says_so(environment, shared, carl, command):
    page = carl.post(url(command, environment=environment), follow=True)
    assert "Select at least one export first." in page.content.decode()


def test_a_run_from_progress_details_is_watched_there(export, carl):
    answer = carl.post(url("run", export), {"id": [export.pk]}, headers=PANEL)
    assert answer.status_code == 200
    assert "Queued" in answer.content.decode()
    assert "exports:changed" in answer.headers["HX-Trigger"]


def test_the_filter_offers_the_statuses_there_are_with_their_counts(environment, shared, carl):
    for number in range(3):
        make_export(environment, f"New {number}", shared)
    actions.run_now(Export.objects.first(), by=None)
    listing = carl.get(url("list", environment=environment)).context_data["listing"]
    assert [(entry["value"], entry["count"]) for entry in listing.filters] == [("queued", 1), ("not_started", 2)]
    page = carl.get(url("list", environment=environment) + "?status=not_started")
    assert len(page.context_data["rows"]) == 2
