"""A paused environment: nothing starts, what runs ends, and everybody sees who paused it and why."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from exports import actions
from exports.dispatcher import dispatch_once
from exports.models import Run
from exports.models.states import State
from exports.runs import lifecycle, pausing, queue
from exports.runs.lifecycle import LEASE
from exports.schedules.occurrences import start_due
from roles.models import AuditEvent
from roles.roles import Role
from tests.exports.schedules.scheduled import make_due, runs_of
from tests.factories import client_of, make_export, make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(environment):
    return make_member(environment, Role.ADMINISTRATOR, "ada")


def test_due_and_clicked_runs_wait_and_say_why_and_start_in_order_when_it_goes_on(environment, ada):
    pausing.pause(environment, note="", by=ada)
    due, clicked = make_due(environment), make_export(environment)
    start_due()
    actions.run_now(clicked, by=ada)
    dispatch_once()
    assert queue.claim() is None
    assert {str(run.reason) for run in Run.objects.all()} == {"the environment is paused"}
    assert pausing.resume(environment, by=ada)
    dispatch_once()
    assert {str(run.reason) for run in Run.objects.all()} == {""}
    assert queue.claim().run_id == runs_of(due)[0].pk
    assert queue.claim().run_id == runs_of(clicked)[0].pk


def test_what_runs_goes_on_to_its_end(environment, ada):
    run, _is_new = actions.run_now(make_export(environment), by=ada)
    claimed = queue.claim()
    pausing.pause(environment, note="", by=ada)
    assert LEASE.renew(claimed)
    assert lifecycle.finish(claimed, State.SUCCEEDED)
    run.refresh_from_db()
    assert run.state == State.SUCCEEDED


def test_a_second_pause_and_a_second_resume_change_nothing(environment, ada):
    other = make_member(environment, Role.ADMINISTRATOR)
    assert pausing.pause(environment, note="Moving house", by=ada)
    assert not pausing.pause(environment, note="Mine", by=other)
    environment.refresh_from_db()
    assert (environment.paused_by, environment.pause_note) == (ada, "Moving house")
    assert pausing.resume(environment, by=other)
    assert not pausing.resume(environment, by=other)
    assert list(AuditEvent.objects.order_by("pk").values_list("action", "actor_name")) == [
        ("pause", "ada"),
        ("resume", str(other)),
    ]


def test_a_healthy_cluster_is_not_replaced_because_of_runs_that_were_paused(environment, ada):
    actions.run_now(make_export(environment), by=ada)
    Run.objects.update(not_before=Now() - timedelta(hours=1))
    assert queue.work_waits()
    pausing.pause(environment, note="", by=ada)
    assert not queue.work_waits()
    pausing.resume(environment, by=ada)
    assert not queue.work_waits()
    assert queue.claim()


def test_the_list_says_who_paused_it_since_when_and_why(environment, ada):
    browser, url = client_of(ada), reverse("system:pause", kwargs={"environment": environment.slug})
    page = browser.post(url, {"note": "Moving house"}, follow=True).content.decode()
    assert "Paused by ada" in page
    assert "Moving house" in page
    assert "Running jobs finish" in page
    viewer = client_of(make_member(environment, Role.VIEWER)).get(
        reverse("exports:list", kwargs={"environment": environment.slug})
    )
    assert "Paused by ada" in viewer.content.decode()
    assert "Resume" not in viewer.content.decode()
    page = browser.post(url.replace("pause", "resume"), follow=True).content.decode()
    assert "Paused by" not in page
    assert "Queued runs are starting" in page


@pytest.mark.parametrize("typed", ["/e/{slug}/exports/?status=queued", "/e/{slug}/system/?kind=export", "", "//evil"])
def test_one_stays_where_one_resumes(environment, ada, typed):
    at, here = {"environment": environment.slug}, typed.format(slug=environment.slug)
    browser, url = client_of(ada), reverse("system:resume", kwargs=at)
    answer = browser.post(url, {"next": here})
    assert answer.headers["Location"] == (here if here.startswith("/e/") else reverse("system:list", kwargs=at))
    pausing.pause(environment, note="", by=ada)
    in_place = browser.post(url, {"next": here}, headers={"HX-Request": "true"})
    assert (in_place.status_code, "exports:changed" in in_place.headers["HX-Trigger"]) == (204, True)


def test_what_waits_in_a_paused_environment_is_queued_until_resumed(environment, ada):
    waits = make_export(environment, "Waits")
    actions.run_now(waits, by=ada)
    pausing.pause(environment, note="", by=ada)
    dispatch_once()
    at = {"environment": environment.slug}
    pages = [
        reverse("exports:list", kwargs=at),
        reverse("exports:progress", kwargs=at | {"pk": waits.pk}),
        reverse("exports:history", kwargs=at),
        reverse("system:list", kwargs=at),
    ]
    browser = client_of(ada)
    for page in pages:
        shown = browser.get(page).content.decode()
        assert ("Queued until resumed" in shown, "waiting for a worker" in shown) == (True, False), page
    pausing.resume(environment, by=ada)
    for page in pages:
        assert "until resumed" not in browser.get(page).content.decode(), page


def test_a_note_that_is_too_long_is_refused(environment, ada):
    url = reverse("system:pause", kwargs={"environment": environment.slug})
    page = client_of(ada).post(url, {"note": "x" * 201}, follow=True).content.decode()
    assert "longer than 200 characters" in page
    environment.refresh_from_db()
    assert environment.paused_at is None
