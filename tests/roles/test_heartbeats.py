"""Signs of life of what works in the background, and the light in the header that tells of their absence."""

import os
import threading

import pytest
from django.db import connection
from django.db.models.functions import Now

from roles import heartbeats
from roles.heartbeats import FORGOTTEN_AFTER, KINDS, SILENT_AFTER, beat, missing
from roles.models import Heartbeat
from tests.factories import client_of, make_environment, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def first_beats(monkeypatch):
    """Every test begins in a process that has not beaten yet, and asks for the light anew."""
    monkeypatch.setattr(heartbeats, "_beaten_at", {})
    monkeypatch.setattr(heartbeats, "_kept", (0.0, []))


@pytest.fixture
def environment():
    return make_environment()


def age(kind, by):
    Heartbeat.objects.filter(kind=kind).update(seen_at=Now() - by)


def page(environment, person, **get):
    return client_of(person).get(f"/e/{environment.slug}/exports/", get)


def test_whoever_beat_lately_is_not_missing():
    assert missing() == list(KINDS)
    beat("chores")
    assert missing() == ["exports", "dispatcher"]


def test_whoever_is_silent_for_long_is_missing():
    beat("exports")
    age("exports", SILENT_AFTER)
    assert "exports" in missing()


def test_beats_in_a_row_cost_one_write(django_assert_num_queries):
    beat("exports")
    with django_assert_num_queries(0):
        beat("exports")


def test_a_process_with_the_number_of_an_older_one_takes_over_its_row():
    beat("exports")
    Heartbeat.objects.update(started_at=Now() - FORGOTTEN_AFTER)
    heartbeats._beaten_at.clear()
    beat("exports")
    row = Heartbeat.objects.get()
    assert (row.pid, row.started_at == row.seen_at) == (os.getpid(), True)


def test_the_silent_of_yesterday_are_forgotten():
    beat("dispatcher")
    age("dispatcher", FORGOTTEN_AFTER)
    beat("exports")
    assert list(Heartbeat.objects.values_list("kind", flat=True)) == ["exports"]


@pytest.mark.django_db(transaction=True)
def test_a_beat_without_a_database_does_not_stop_the_worker():
    def work():
        connection.settings_dict = connection.settings_dict | {"PORT": "1"}
        beat("exports")
        done.append(True)

    done = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
    assert not heartbeats._beaten_at


def test_light_is_off_while_everything_beats(environment):
    for kind in KINDS:
        beat(kind)
    assert b"light-summary" not in page(environment, make_member(environment, "viewer")).content


@pytest.mark.parametrize(
    "silent, text",
    [
        ("exports", "No worker is running: exports are waiting"),
        ("dispatcher", "No dispatcher is running"),
        ("chores", "segments are not refreshed"),
    ],
)
def test_light_says_what_does_not_happen(environment, silent, text):
    for kind in set(KINDS) - {silent}:
        beat(kind)
    assert text in page(environment, make_member(environment, "viewer")).content.decode()


def test_light_tells_an_administrator_what_to_do_and_others_whom_to_tell(environment):
    administrator = make_member(environment, "administrator")
    assert "manage.py doctor" in page(environment, administrator).content.decode()
    told = page(environment, make_member(environment, "contributor")).content.decode()
    assert f"Contact an administrator: {administrator}" in told
    assert "manage.py doctor" not in told


def test_light_goes_without_a_reload_and_an_unchanged_one_is_left_alone(environment):
    client = client_of(make_member(environment, "viewer"))
    url = f"/e/{environment.slug}/light"
    lit = client.get(url, {"shown": ""}).content.decode()
    assert "light-summary" in lit
    assert "shown=exports-chores-dispatcher" in lit
    assert client.get(url, {"shown": "exports-chores-dispatcher"}).status_code == 204
    for kind in KINDS:
        beat(kind)
    heartbeats._kept = (0.0, [])
    assert "light-summary" not in client.get(url, {"shown": "exports-chores-dispatcher"}).content.decode()


def test_pages_share_one_look(environment, django_assert_num_queries):
    page(environment, make_member(environment, "viewer"))
    with django_assert_num_queries(0):
        heartbeats.missing_lately()
