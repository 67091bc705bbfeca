"""A test in the background: asked for, taken by a worker, written step by step, ended, given up, dropped."""

import json
import re
import threading
from datetime import timedelta
from html import unescape

import pytest
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from connections.destinations.base import DeliveryError, run_steps
from connections.destinations.local.destination import LocalFolder
from connections.destinations.registry import registered
from connections.models import Connection
from connections.testing import checks, testing
from exports.dispatcher import dispatch_once
from roles.audit.changes import changes_as_json
from roles.models import AuditEvent
from tests.connections.working import work_off
from tests.factories import make_connection, make_export, make_member

PANEL = {"HX-Request": "true", "HX-Target": "panel"}
POLL = {"HX-Request": "true", "HX-Target": "test-poll"}


class Gate(LocalFolder):
    """A target whose second step waits until a test lets it go on, and whose token ends."""

    slug, label = "gate", "Gate"
    check_steps = ("Knock", "Enter")
    reached, opened, ends = threading.Event(), threading.Event(), None

    def check(self):
        return run_steps(self.check_steps, (lambda: ("Somebody is there.", "at 10.9.8.7"), self.enter))

    def enter(self):
        self.reached.set()
        self.opened.wait(20)
        if self.settings.get("is_shut"):
            raise DeliveryError("The gate is shut.", detail="gatekeeper 10.9.8.7")
        return "It is open.", ""

    def expires_at(self):
        return self.ends


@pytest.fixture
def gate():
    Gate.reached, Gate.opened, Gate.ends = threading.Event(), threading.Event(), None
    with registered(Gate):
        yield Gate
        Gate.opened.set()


@pytest.fixture
def gated(environment, gate):
    return make_connection(environment, "Gate", type="gate", settings={})


def page_of(connection, name="test") -> str:
    return reverse(f"connections:{name}", args=[connection.environment.slug, connection.pk])


def fresh(connection) -> Connection:
    return Connection.objects.get(pk=connection.pk)


def events(connection) -> list[tuple]:
    found = AuditEvent.objects.filter(object_type="connection", object_id=connection.pk, action="test").order_by("pk")
    return [(event.actor, changes_as_json(event)) for event in found]


def poll_of(text: str) -> str:
    found = re.search(r'id="test-poll"[^>]* hx-get="([^"]+)"', unescape(text))
    return found[1] if found else ""


def age(connection, **ago) -> None:
    Connection.objects.filter(pk=connection.pk).update(check_asked_at=Now() - timedelta(**ago))


# Asking


def test_a_click_notes_the_wish_and_queues_it_for_the_chores(ada, as_ada, gated):
    answer = as_ada.post(page_of(gated), headers=PANEL)
    assert "Waiting for a worker" in answer.content.decode()
    assert answer.headers["HX-Trigger"] == "connections:changed"
    assert fresh(gated).check_asked_by == ada
    assert OrmQ.objects.get().key == "chores"
    assert not Gate.reached.is_set()


def test_a_second_click_joins_the_test_that_is_under_way(environment, as_ada, gated):
    as_ada.post(page_of(gated))
    before = fresh(gated)
    assert testing.request_test(fresh(gated), by=make_member(environment)) is False
    assert (fresh(gated).check_asked_at, fresh(gated).check_asked_by) == (before.check_asked_at, before.check_asked_by)
    assert OrmQ.objects.count() == 1


def test_a_task_that_is_delivered_twice_tests_once(ada, gated, gate):
    gate.opened.set()
    testing.request_test(gated, by=ada)
    asked_at = gated.check_asked_at
    for _delivery in range(2):
        testing.perform(gated.pk, asked_at)
    assert events(gated) == [(ada, {"is_check_ok": True})]


def test_a_connection_that_was_removed_meanwhile_is_nothing(ada, gated):
    testing.request_test(gated, by=ada)
    gated.delete()
    assert work_off() == 1


# The panel


@pytest.mark.django_db(transaction=True)
def test_the_panel_shows_each_step_while_it_is_reached_and_stops_asking_at_the_end(as_ada, gated, gate):
    poll = poll_of(as_ada.post(page_of(gated), headers=PANEL).content.decode())
    worker = threading.Thread(target=_work)
    worker.start()
    assert gate.reached.wait(60)
    running = as_ada.get(poll, headers=POLL)
    assert running.template_name == "connections/test.html#changes"
    text = running.content.decode()
    assert "Testing…" in text
    assert "Somebody is there." in text
    assert re.search(r"(under )?[0-9.]+ s<", text)
    assert re.search(r'tone-running">.*?<span class="step-label">Enter</span><span class="step-aside">now', text)
    assert "HX-Trigger" not in running
    assert as_ada.get(poll_of(text), headers=POLL).status_code == 204
    gate.opened.set()
    worker.join(60)
    ended = as_ada.get(poll_of(text), headers=POLL)
    assert "The connection works" in ended.content.decode()
    assert poll_of(ended.content.decode()) == ""
    assert json.loads(ended.headers["HX-Trigger"]) == {"connections:changed": True}


def _work() -> None:
    from django.db import connections

    try:
        work_off()
    finally:
        connections.close_all()


def test_without_scripts_the_page_offers_to_look_again(as_ada, gated, gate):
    answer = as_ada.post(page_of(gated), follow=True)
    text = answer.content.decode()
    again = unescape(re.search(r'<noscript><p><a class="button" href="([^"]+)">Show how far it is', text)[1])
    gate.opened.set()
    work_off()
    assert "The connection works" in as_ada.get(again).content.decode()
    assert 'http-equiv="refresh"' not in text


def test_the_list_says_that_a_test_is_under_way(environment, as_ada, gated):
    as_ada.post(page_of(gated))
    assert "Testing…" in as_ada.get(reverse("connections:list", args=[environment.slug])).content.decode()


def test_a_garbled_time_in_the_address_breaks_no_page(as_ada, gated):
    for text in ("x", "2026-13-45T00:00", "2026-01-01T00:00"):
        answer = as_ada.get(page_of(gated), {"since": text})
        assert answer.status_code == 200
        assert "was changed during" not in answer.content.decode()


# Deadlines


def test_a_target_that_hangs_holds_the_worker_no_longer_than_the_deadline(ada, gated, gate, monkeypatch):
    monkeypatch.setattr(checks.walk, "__defaults__", (0.2,))
    testing.request_test(gated, by=ada)
    work_off()
    ended = fresh(gated)
    assert (ended.is_check_ok, ended.failed_step, ended.check_asked_at) == (False, "Enter", None)
    assert "Took too long" in ended.steps[1].message
    assert events(gated) == [(ada, {"is_check_ok": False, "step": "Enter"})]


def test_without_a_worker_the_panel_says_so(as_ada, gated, monkeypatch):
    from roles import heartbeats

    monkeypatch.setattr(heartbeats, "_kept", (float("inf"), ["chores"]))
    text = as_ada.post(page_of(gated), headers=PANEL).content.decode()
    assert "No chore worker is running" in text
    assert "manage.py doctor" in text


def test_a_wish_that_nobody_took_in_time_counts_as_failed(ada, as_ada, gated):
    poll = poll_of(as_ada.post(page_of(gated), headers=PANEL).content.decode())
    age(gated, seconds=46)
    text = as_ada.get(poll, headers=POLL).content.decode()
    assert "The test did not finish" in text
    assert poll_of(text) == ""
    assert (fresh(gated).is_check_ok, fresh(gated).check_asked_at) == (False, None)
    assert events(gated) == [(ada, {"is_check_ok": False, "step": "Wait for a worker"})]
    work_off()  # the worker that comes too late
    assert not Gate.reached.is_set()


def test_a_test_whose_worker_died_fails_at_the_step_it_was_in(ada, gated):
    steps = [{"name": "Knock", "state": "done", "message": "", "detail": "", "seconds": 1.0}]
    steps += [{"name": "Enter", "state": "running", "message": "", "detail": "", "seconds": 0}]
    Connection.objects.filter(pk=gated.pk).update(check_steps=steps, check_asked_by=ada)
    age(gated, seconds=46)
    dispatch_once()
    ended = fresh(gated)
    assert (ended.is_check_ok, ended.failed_step) == (False, "Enter")
    assert "its worker stopped" in ended.steps[1].message
    assert events(gated) == [(ada, {"is_check_ok": False, "step": "Enter"})]


def test_a_test_that_is_young_is_left_alone(ada, gated):
    testing.request_test(gated, by=ada)
    age(gated, seconds=40)
    dispatch_once()
    assert fresh(gated).is_being_tested


# Changed meanwhile


def test_a_test_of_settings_that_were_changed_meanwhile_is_dropped_and_says_so(ada, as_ada, environment, gate):
    connection = make_connection(environment, "Calls", agreed_at=timezone.now(), agreed_by=ada)
    shown = as_ada.post(page_of(connection)).headers["Location"]
    form = {"name": "Calls", "sharing": "all", "agree": "on", "settings-folder": "elsewhere"}
    assert as_ada.post(page_of(connection, "edit"), form).status_code == 302
    work_off()
    assert (fresh(connection).checked_at, fresh(connection).is_check_ok) == (None, None)
    assert "was changed during the test" in as_ada.get(shown).content.decode()


def test_a_test_is_dropped_where_the_settings_were_changed_past_the_form(ada, gated, gate):
    testing.request_test(gated, by=ada)
    changed = fresh(gated)
    changed.settings = {"is_shut": True}
    taken = testing._claim(gated.pk, gated.check_asked_at)
    changed.save(update_fields=["settings"])
    testing._end(taken, checks.Check([]))
    assert (fresh(gated).checked_at, fresh(gated).check_asked_at) == (None, None)
    assert events(gated) == [(ada, {"is_check_ok": True, "is_dropped": True})]


def test_a_new_name_meanwhile_keeps_the_result_and_an_open_form_does_not_bring_the_wish_back(ada, gated, gate):
    testing.request_test(gated, by=ada)
    opened_before = fresh(gated)
    gate.opened.set()
    work_off()
    opened_before.name = "Renamed"
    opened_before.save(update_fields=testing.other_fields())
    after = fresh(gated)
    assert (after.name, after.is_check_ok, after.check_asked_at) == ("Renamed", True, None)


# Every day


def test_a_check_that_is_a_day_old_is_made_anew_by_the_system(gated, gate, ada):
    gate.opened.set()
    Connection.objects.update(checked_at=Now() - timedelta(hours=25), is_check_ok=True)
    dispatch_once()
    assert work_off() == 1
    assert fresh(gated).checked_at > timezone.now() - timedelta(minutes=1)
    assert events(gated) == [(None, {"is_check_ok": True})]


def test_a_failing_daily_check_shows_where_on_the_list(environment, as_ada, gated, gate):
    gate.opened.set()
    Connection.objects.update(updated_at=Now() - timedelta(hours=25), settings={"is_shut": True})
    dispatch_once()
    work_off()
    text = as_ada.get(reverse("connections:list", args=[environment.slug])).content.decode()
    assert 'title="Enter"' in text
    assert "Connection failed" in text
    assert "10.9.8.7" not in text
    assert "The gate is shut." in as_ada.get(page_of(gated)).content.decode()


def test_five_hundred_due_checks_go_one_after_the_other(environment, gate):
    gate.opened.set()
    for number in range(5):
        make_connection(environment, f"Gate {number}", type="gate", settings={})
    Connection.objects.update(checked_at=Now() - timedelta(hours=30))
    for _look in range(3):
        dispatch_once()
    assert OrmQ.objects.filter(key="chores").count() == 1
    for _look in range(5):
        work_off()
        dispatch_once()
    assert not Connection.objects.filter(checked_at__lt=Now() - timedelta(hours=24)).exists()


@pytest.mark.parametrize("changes", [{"type": "gone"}, {"check_asked_at": Now()}, {"checked_at": Now()}])
def test_no_daily_check_of_a_lost_type_nor_while_one_is_under_way_nor_too_early(ada, gated, changes):
    old = {"checked_at": Now() - timedelta(hours=25), "check_asked_by": ada}
    Connection.objects.filter(pk=gated.pk).update(**old | changes)
    dispatch_once()
    assert not OrmQ.objects.exists()


def test_without_a_worker_no_daily_check_is_asked_for(gated, monkeypatch):
    from roles import heartbeats

    Connection.objects.update(checked_at=Now() - timedelta(hours=25))
    monkeypatch.setattr(heartbeats, "_kept", (float("inf"), ["chores"]))
    dispatch_once()
    assert not OrmQ.objects.exists()


def test_a_daily_check_that_nobody_took_leaves_the_last_result(gated):
    testing.request_test(gated, by=None)
    Connection.objects.update(is_check_ok=True, checked_at=Now())
    age(gated, minutes=5)
    dispatch_once()
    assert (fresh(gated).is_check_ok, fresh(gated).check_asked_at) == (True, None)
    assert events(gated) == []


# Days left


@pytest.mark.parametrize("days, said", [(200, "200 days left"), (12, "12 days left"), (1, "1 day left")])
def test_the_days_left_on_a_token_are_shown(environment, ada, as_ada, gated, gate, days, said):
    gate.ends = timezone.now() + timedelta(days=days, hours=1)
    gate.opened.set()
    testing.request_test(gated, by=ada)
    work_off()
    assert fresh(gated).expires_at == gate.ends
    listed = as_ada.get(reverse("connections:list", args=[environment.slug])).content.decode()
    assert said in listed
    assert ("tone-warning" in listed) == (days < 14)
    assert (said in as_ada.get(page_of(gated)).content.decode()) == (days < 14)


def test_a_token_that_has_ended_is_told_and_a_failed_check_keeps_what_is_known(environment, ada, as_ada, gated, gate):
    ended = timezone.now() - timedelta(days=2)
    Connection.objects.update(expires_at=ended, settings={"is_shut": True})
    gate.opened.set()
    testing.request_test(gated, by=ada)
    work_off()
    assert fresh(gated).expires_at == ended
    assert "Token expired" in as_ada.get(reverse("connections:list", args=[environment.slug])).content.decode()


def test_contributors_learn_nothing_of_a_test(environment, as_carl, ada, gated, gate):
    Gate.ends = timezone.now() + timedelta(days=3, hours=1)
    gate.opened.set()
    testing.request_test(gated, by=ada)
    work_off()
    make_export(environment, connection=gated)
    for page in ("connections:list", "exports:list"):
        text = as_carl.get(reverse(page, args=[environment.slug])).content.decode()
        for word in ("days left", "Works", "10.9.8.7"):
            assert word not in text
    assert as_carl.post(page_of(gated)).status_code == as_carl.get(page_of(gated)).status_code == 403
