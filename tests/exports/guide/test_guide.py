"""Removing a connection is guided: its exports with Detach and Remove beside each, then the removal itself."""

import json
import re
import threading
import uuid

import pytest
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from connections.models import Connection
from connections.removing import removing
from exports.actions import save
from exports.models import Export, Run
from exports.models.states import State
from exports.spec.spec import ExportSpec
from roles.models import AuditEvent
from tests.exports.pages import OWNED, make_run, text_of
from tests.factories import client_of, make_connection, make_environment, make_export, make_member

pytestmark = pytest.mark.django_db
LIVE = {"HX-Request": "true", "HX-Target": "guide"}
PANEL = {"HX-Request": "true", "HX-Target": "panel"}


@pytest.fixture
def ada(environment):
    return make_member(environment, "administrator")


@pytest.fixture
def as_ada(ada):
    return client_of(ada)


@pytest.fixture
def weekly(environment, shared):
    return make_export(environment, "Weekly", connection=shared)


def page(connection) -> str:
    return reverse("connections:remove", args=[connection.environment.slug, connection.pk])


def command(connection, name) -> str:
    return reverse(f"exports:guide_{name}", args=[connection.environment.slug, connection.pk])


def is_there(connection) -> bool:
    return Connection.objects.filter(pk=connection.pk).exists()


def actions_on(export) -> list[str]:
    found = AuditEvent.objects.filter(object_type="export", object_id=str(export.pk)).order_by("pk")
    return list(found.values_list("action", flat=True))


# What it shows


def test_the_page_names_each_export_with_its_state_and_schedule_and_the_two_ways(as_ada, environment, shared, weekly):
    make_run(weekly, State.FAILED)
    make_export(environment, "By hand", connection=shared, schedule_mode="off")
    make_export(environment, "Elsewhere")
    text = text_of(as_ada.get(page(shared)))
    assert "2 exports use it." in text
    for word in ("Weekly", "Failed (permanent)", "With every system refresh", "By hand", "Not started", "Off"):
        assert word in text
    assert "Elsewhere" not in text
    for name in ("detach", "remove"):
        assert text.count(f'formaction="{command(shared, name)}"') == 3  # one for each, one for all
    assert re.search(r"<button[^>]* disabled[^>]*>Remove connection", text)


def test_the_page_takes_the_same_number_of_queries_however_many_exports(as_ada, environment, shared, weekly):
    def count() -> int:
        with CaptureQueriesContext(database) as queries:
            as_ada.get(page(shared))
        return len(queries)

    make_run(weekly)
    few = count()
    for number in range(20):
        make_run(make_export(environment, f"Export {number}", connection=shared), State.QUEUED)
    assert count() == few


def test_more_exports_than_help_are_counted(as_ada, environment, shared, monkeypatch):
    from exports.guide import usage as guide

    monkeypatch.setattr(guide, "MOST_SHOWN", 2)
    for number in range(5):
        make_export(environment, f"Export {number}", connection=shared)
    text = text_of(as_ada.get(page(shared)))
    assert "5 exports use it." in text
    assert "And 3 more" in text


# The ways out


@pytest.mark.parametrize("name, said", [("detach", "“Weekly” detached."), ("remove", "“Weekly” removed.")])
def test_each_way_acts_in_place_and_makes_the_removal_available(as_ada, ada, shared, weekly, name, said):
    answer = as_ada.post(command(shared, name), {"id": weekly.pk, "confirmed": "1"}, headers=LIVE)
    assert answer.template_name == "connections/remove.html#changes"
    triggers = json.loads(answer.headers["HX-Trigger"])
    assert triggers == {"connections:changed": True, "exports:changed": True, "announce": said}
    text = text_of(answer)
    assert "will be deleted" in text
    assert "disabled" not in text
    assert 'data-confirm-action="Remove connection"' in text
    assert Export.objects.filter(pk=weekly.pk, connection=None).exists() == (name == "detach")
    assert actions_on(weekly) == [name]
    assert as_ada.post(page(shared), {"confirmed": "1"}, headers=PANEL).status_code == 204
    assert not is_there(shared)


def test_without_scripts_each_way_comes_back_to_the_page(as_ada, shared, weekly):
    answer = as_ada.post(command(shared, "detach"), {"id": weekly.pk}, follow=True)
    assert answer.redirect_chain == [(page(shared), 302)]
    assert "“Weekly” detached." in text_of(answer)
    assert as_ada.post(page(shared)).status_code == 302
    assert not is_there(shared)


def test_without_scripts_removing_an_export_asks_first(as_ada, shared, weekly):
    asked = as_ada.post(command(shared, "remove"), {"id": weekly.pk})
    assert asked.template_name == "exports/guide_remove.html"
    assert "Weekly" in text_of(asked)
    assert Export.objects.filter(pk=weekly.pk).exists()
    sent = dict(re.findall(r'<input type="hidden" name="(confirmed|all|shown)" value="(\w+)"', text_of(asked)))
    answer = as_ada.post(command(shared, "remove"), sent, follow=True)
    assert answer.redirect_chain == [(page(shared), 302)]
    assert not Export.objects.filter(pk=weekly.pk).exists()


def test_all_asks_without_scripts_and_takes_only_what_was_shown(as_ada, environment, shared, weekly):
    other = make_export(environment, "Other", connection=shared)
    late = make_export(environment, "Attached since", connection=shared)
    form = {"all": "1", "shown": [weekly.pk, other.pk]}
    assert as_ada.post(command(shared, "detach"), form).template_name == "exports/guide_detach.html"
    answer = as_ada.post(command(shared, "detach"), form | {"confirmed": "1"}, follow=True)
    assert "2 exports detached." in text_of(answer)
    assert list(Export.objects.filter(connection=shared)) == [late]


def test_what_waits_is_canceled_with_it(as_ada, shared, weekly):
    run = make_run(weekly, State.QUEUED)
    assert "A waiting run will be canceled." in text_of(as_ada.get(page(shared)))
    as_ada.post(command(shared, "detach"), {"id": weekly.pk}, headers=LIVE)
    run.refresh_from_db()
    assert run.state == State.CANCELED


# A run in progress


@pytest.fixture
def running(environment, weekly):
    carl = make_member(environment, "contributor")
    carl.first_name = "Carl"
    carl.save()
    started = timezone.now().replace(hour=10, minute=2)
    return make_run(weekly, State.RUNNING, triggered_by=carl, started_at=started)


def test_a_run_in_progress_is_named_with_its_person_and_time(as_ada, shared, running):
    text = text_of(as_ada.get(page(shared)))
    assert re.search(r"Sending since .+, 10:02:\d\d UTC, started by Carl\.", text)
    assert f'formaction="{command(shared, "cancel")}"' in text
    assert command(shared, "detach") not in text
    assert 'hx-trigger="every 2s"' in text


@pytest.mark.parametrize("name", ["detach", "remove"])
def test_a_forged_way_out_is_refused_while_it_runs_and_says_why(as_ada, shared, weekly, running, name):
    answer = as_ada.post(command(shared, name), {"id": weekly.pk, "confirmed": "1"}, headers=LIVE)
    assert "“Weekly” is running. Cancel the job first" in text_of(answer)
    assert Export.objects.get(pk=weekly.pk).connection == shared


def test_all_leaves_out_the_running_one_and_says_why(as_ada, environment, shared, weekly, running):
    other = make_export(environment, "Other", connection=shared)
    form = {"all": "1", "shown": [weekly.pk, other.pk], "confirmed": "1"}
    answer = as_ada.post(command(shared, "remove"), form, headers=LIVE)
    assert json.loads(answer.headers["HX-Trigger"])["announce"] == "“Other” removed."
    assert "“Weekly” is running. Cancel the job first, then remove the export." in text_of(answer)
    assert list(Export.objects.filter(connection=shared)) == [weekly]


def test_the_job_is_canceled_from_the_page_which_follows_it(as_ada, ada, shared, weekly, running):
    text = text_of(as_ada.post(command(shared, "cancel"), {"run": str(running.uuid)}, headers=LIVE))
    assert "The job is being canceled." in text
    running.refresh_from_db()
    assert running.canceled_by == ada
    poll = re.search(r'hx-get="([^"]+)"', text.split('id="guide-poll"')[1])[1]
    asking = {"HX-Request": "true", "HX-Target": "guide-poll"}
    assert as_ada.get(poll, headers=asking).status_code == 204
    Run.objects.filter(pk=running.pk).update(state=State.CANCELED, token=None, lease_until=None)
    after = text_of(as_ada.get(poll, headers=asking))
    assert command(shared, "detach") in after
    assert "every 2s" not in after


def test_a_test_of_ten_that_is_sent_is_a_run_in_progress_too(as_ada, environment, shared, weekly):
    Run.objects.create(
        environment=environment, export=weekly, state=State.RUNNING, trigger="test", most_rows=10, **OWNED
    )
    text = text_of(as_ada.get(page(shared)))
    assert "by Test of 10" in text
    assert command(shared, "detach") not in text


def test_a_job_that_had_ended_is_said(as_ada, shared, weekly):
    run = make_run(weekly)
    answer = as_ada.post(command(shared, "cancel"), {"run": str(run.uuid)}, headers=LIVE)
    assert "The job of “Weekly” had already ended." in text_of(answer)


# Races


def test_an_export_attached_meanwhile_is_shown_and_the_connection_stays(as_ada, environment, shared):
    assert "will be deleted" in text_of(as_ada.get(page(shared)))
    make_export(environment, "Attached since", connection=shared)
    answer = as_ada.post(page(shared), headers=PANEL)
    assert answer.status_code == 422
    text = text_of(answer)
    assert "“Partner” was not removed: exports use it." in text
    assert "Attached since" in text
    assert is_there(shared)


@pytest.mark.django_db(transaction=True)
def test_the_database_itself_refuses_when_an_export_is_attached_in_the_same_moment():
    environment = make_environment()
    ada, used = make_member(environment), make_connection(environment)
    with transaction.atomic():
        save(Export(environment=environment), ExportSpec("New", connection=used.name), by=ada)  # nobody sees it yet
        outcome: list[object] = []
        other = threading.Thread(target=_remove, args=(used, ada, outcome))
        other.start()
        other.join(0.5)
    other.join(60)
    assert is_there(used)
    assert [type(error) for error in outcome] == [removing.StillUsedError]
    assert not AuditEvent.objects.filter(action="remove").exists()


def _remove(connection, user, outcome) -> None:
    try:
        removing.remove(connection, by=user)
    except Exception as error:
        outcome.append(error)
    finally:
        database.close()


def test_an_export_that_moved_to_another_connection_meanwhile_stays_there(as_ada, environment, shared, weekly):
    elsewhere = make_connection(environment)
    Export.objects.filter(pk=weekly.pk).update(connection=elsewhere)
    for name in ("detach", "remove"):
        answer = as_ada.post(command(shared, name), {"id": weekly.pk, "confirmed": "1"}, headers=LIVE)
        assert "“Weekly” is no longer on this connection." in text_of(answer)
    assert Export.objects.get(pk=weekly.pk).connection == elsewhere


def test_one_that_was_removed_meanwhile_does_not_stop_the_others(as_ada, environment, shared, weekly):
    other = make_export(environment, "Other", connection=shared)
    form = {"all": "1", "shown": [weekly.pk, other.pk], "confirmed": "1"}
    weekly.delete()
    answer = as_ada.post(command(shared, "detach"), form, headers=LIVE)
    assert json.loads(answer.headers["HX-Trigger"])["announce"] == "“Other” detached."


# Rights


@pytest.mark.parametrize("role, status", [("contributor", 403), ("viewer", 403)])
@pytest.mark.parametrize("name", ["detach", "remove", "cancel"])
def test_only_who_manages_connections_may(environment, shared, weekly, role, status, name):
    browser = client_of(make_member(environment, role))
    form = {"id": weekly.pk, "confirmed": "1", "run": str(uuid.uuid4())}
    assert browser.post(command(shared, name), form).status_code == status
    assert browser.post(command(shared, name), form, headers=LIVE).status_code == status
    assert Export.objects.get(pk=weekly.pk).connection == shared


@pytest.mark.parametrize("ids", [[], ["0"], ["x"], ["1\0"], ["9" * 30]])
def test_ids_typed_by_hand_are_not_found(as_ada, shared, weekly, ids):
    for field in ({"id": ids}, {"all": "1", "shown": ids}):
        answer = as_ada.post(command(shared, "detach"), field | {"confirmed": "1"}, headers=LIVE)
        assert answer.status_code == 404


def test_exports_and_runs_of_elsewhere_are_not_found(as_ada, environment, shared, weekly):
    foreign = make_environment()
    theirs = make_export(foreign, connection=make_connection(foreign))
    run, other_run = make_run(theirs), make_run(make_export(environment))
    for name in ("detach", "remove"):
        form = {"id": theirs.pk, "confirmed": "1"}
        assert as_ada.post(command(shared, name), form, headers=LIVE).status_code == 404
        assert as_ada.post(command(theirs.connection, name), form, headers=LIVE).status_code == 404
    for one in (run.uuid, other_run.uuid, "x"):
        assert as_ada.post(command(shared, "cancel"), {"run": str(one)}, headers=LIVE).status_code == 404
    assert Export.objects.get(pk=theirs.pk).connection is not None
