"""/metrics: the database's figures for Prometheus, for who has the token."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from exports.actions import run_now
from exports.models import Alert, AlertKind, Run, Schedule
from exports.models.states import State
from roles import heartbeats
from roles.models import Environment, Heartbeat
from tests.factories import client_of, make_environment, make_export, make_member

pytestmark = pytest.mark.django_db
TOKEN = "a-token-of-the-operator"


@pytest.fixture(autouse=True)
def token(settings):
    settings.METRICS_TOKEN = TOKEN
    cache.clear()


@pytest.fixture
def place():
    return make_environment("contoso")


def scrape(client, token: str = TOKEN):
    return client.get("/metrics", headers={"Authorization": f"Bearer {token}"})


def figure(client, name: str, **labels: str) -> float:
    """One figure of a scrape."""
    families = text_string_to_metric_families(scrape(client).content.decode())
    samples = [sample for family in families for sample in family.samples if sample.name == f"waybill_{name}"]
    (found,) = [sample.value for sample in samples if labels.items() <= sample.labels.items()]
    return found


def test_without_a_token_of_the_operator_there_is_nothing(client, settings):
    settings.METRICS_TOKEN = ""
    assert scrape(client, "").status_code == 404


@pytest.mark.parametrize("sent", ["", "wrong", TOKEN[:-1]])
def test_a_wrong_token_is_refused(client, sent):
    answer = scrape(client, sent)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert b"waybill_" not in answer.content


def test_being_signed_in_is_no_token(place):
    assert client_of(make_member(place)).get("/metrics").status_code == 401


def test_tokens_cannot_be_tried_without_end(client):
    answers = [scrape(client, f"guess {number}").status_code for number in range(21)]
    assert set(answers[:20]) == {401}
    assert answers[20] == 429
    assert scrape(client).status_code == 200, "who has the token is not kept out by who has not"


def test_runs_are_counted_by_environment_and_state(client, place):
    run_now(make_export(place), by=None)
    for _number in range(2):
        Run.objects.create(
            environment=place, export=make_export(place), trigger="schedule", state=State.FAILED, ended_at=Now()
        )
    assert figure(client, "runs", environment="contoso", state="queued") == 1
    assert figure(client, "runs", environment="contoso", state="running") == 0
    assert figure(client, "runs_last_hour", environment="contoso", state="failed") == 2


def test_runs_of_long_ago_are_not_of_the_last_hour(client, place):
    Run.objects.create(
        environment=place, export=make_export(place), trigger="person", state=State.FAILED, ended_at=Now(),
        queued_at=Now() - timedelta(hours=2),
    )  # fmt: skip
    assert figure(client, "runs_last_hour", environment="contoso", state="failed") == 0


def test_the_longest_wait_for_a_worker_is_told(client, place):
    assert figure(client, "oldest_claimable_seconds") == 0
    run, _is_new = run_now(make_export(place), by=None)
    Run.objects.filter(pk=run.pk).update(not_before=Now() - timedelta(seconds=90))
    assert figure(client, "oldest_claimable_seconds") == pytest.approx(90, abs=60)


def test_what_is_due_and_not_taken_is_told(client, place):
    Schedule.objects.create(export=make_export(place), next_due=Now() - timedelta(seconds=300))
    assert figure(client, "overdue_seconds", kind="export") == pytest.approx(300, abs=60)
    assert figure(client, "overdue_seconds", kind="system refresh") == 0


@pytest.mark.parametrize(
    ("not_before", "values", "seconds"),
    [(500, {}, 20), (490, {}, 10), (100, {}, 20), (500, {"is_released": True}, 0)],
    ids=["at once", "after a pause", "tried again", "let go"],
)
def test_the_latest_start_of_the_last_hour_is_told(client, place, not_before, values, seconds):
    Run.objects.create(
        environment=place, export=make_export(place), trigger="schedule", state=State.SUCCEEDED, ended_at=Now(),
        due=Now() - timedelta(seconds=500), started_at=Now() - timedelta(seconds=480),
        not_before=Now() - timedelta(seconds=not_before), **values,
    )  # fmt: skip
    assert figure(client, "start_lateness_seconds", environment="contoso") == pytest.approx(seconds)


def test_signs_of_life_are_told_by_kind(client):
    heartbeats._write("dispatcher", is_first=True)
    Heartbeat.objects.create(kind="exports", host="old", pid=1, seen_at=Now() - timedelta(minutes=10))
    assert figure(client, "heartbeat_age_seconds", kind="dispatcher") < 60
    assert figure(client, "heartbeat_age_seconds", kind="exports") == pytest.approx(600, abs=60)
    assert figure(client, "heartbeat_age_seconds", kind="chores") == float("inf")
    assert figure(client, "processes", kind="dispatcher") == 1
    assert figure(client, "processes", kind="exports") == 0


def test_schedules_that_switched_themselves_off_are_counted(client, place):
    Schedule.objects.create(export=make_export(place), problem="no such zone")
    Schedule.objects.create(export=make_export(place))
    assert figure(client, "schedule_problems", environment="contoso") == 1


def test_open_alerts_are_counted_by_kind(client, place):
    Alert.objects.create(environment=place, export=make_export(place), kind=AlertKind.FAILED, text="failed")
    Alert.objects.create(environment=place, export=make_export(place), kind=AlertKind.FAILED, closed_at=Now())
    assert figure(client, "alerts_open", environment="contoso", kind="failed") == 1
    assert figure(client, "alerts_open", environment="contoso", kind="late") == 0


def test_a_paused_environment_is_told(client, place):
    assert figure(client, "environment_paused", environment="contoso") == 0
    Environment.objects.filter(pk=place.pk).update(paused_at=Now())
    assert figure(client, "environment_paused", environment="contoso") == 1


def test_no_name_of_an_export_or_a_connection_is_told(client, place):
    run_now(make_export(place, name="Secret project"), by=None)
    text = scrape(client).content.decode()
    assert "Secret project" not in text
    assert "Folder" not in text


def test_the_number_of_questions_does_not_grow_with_the_runs(client, place):
    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            scrape(client)
        return len(asked)

    before = questions()
    for _number in range(5):
        run_now(make_export(place), by=None)
    assert questions() == before
