"""Nobody asks for expensive work without bound, and nothing without bound is sent to us."""

import json
import threading

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import get_resolver

from roles.net.limits import LIMITS, OTHERS, Limit, count_request
from tests.roles.access_table import walk

HTMX = {"HX-Request": "true", "HX-Target": "panel"}


def sent_until_refused(client, url, body, most, headers=None):
    """Send the same form until it is refused, at most one time more than allowed; return all answers."""
    answers = []
    for _number in range(most + 1):
        answers.append(client.post(url, body, headers=headers or {}))
        if answers[-1].status_code == 429:
            break
    return answers


def test_every_limited_address_exists():
    assert set(LIMITS) <= {name for name, _view in walk(get_resolver().url_patterns)}


@pytest.mark.long
def test_a_run_is_asked_for_as_often_as_allowed_and_then_refused_with_the_time_to_wait(world):
    client, most = world.client("administrator"), LIMITS["exports:run"].most
    answers = sent_until_refused(client, world.mine.url("exports:run"), world.mine.body("exports:run"), most)
    assert [answer.status_code for answer in answers] == [302] * most + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    text = answers[-1].content.decode()
    assert f"Wait {answers[-1].headers['Retry-After']} seconds, then try again." in text
    assert world.mine.environment.name in text


def test_a_fragment_is_refused_with_a_notice_where_the_person_is(world):
    client, most = world.client("administrator"), LIMITS["exports:test"].most
    answer = sent_until_refused(client, world.mine.url("exports:test"), {}, most, HTMX)[-1]
    assert answer.status_code == 429
    assert answer.content == b""
    notice = json.loads(answer.headers["HX-Trigger"])["notice"]
    assert notice["tone"] == "warning"
    assert "Too many requests" in notice["text"]


def test_one_person_s_haste_is_not_another_s(world):
    url, body = world.mine.url("exports:run_all"), {}
    assert (
        sent_until_refused(world.client("contributor"), url, body, LIMITS["exports:run_all"].most)[-1].status_code
        == 429
    )
    assert world.client("administrator").post(url, body).status_code == 302


@pytest.mark.long
def test_reading_is_not_counted_but_for_files(world):
    client = world.client("contributor")
    for _number in range(LIMITS["exports:test"].most + 5):
        assert client.get(world.mine.url("exports:test")).status_code == 405
    most = LIMITS["exports:file"].most
    answers = {client.get(world.mine.url("exports:file")).status_code for _number in range(most + 1)}
    assert answers == {302, 429}


def test_whatever_has_no_limit_of_its_own_has_that_of_others(world):
    client, url = world.client("viewer"), world.mine.url("segments:add")
    count_request(f"{world.users['viewer'].pk}:", OTHERS)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE roles_cache SET value = %s WHERE cache_key LIKE 'waybill:limit:%%'", [str(OTHERS.most)])
    assert client.post(url, {}).status_code == 429
    assert client.get(world.mine.url("exports:list")).status_code == 200


@pytest.mark.django_db
def test_a_window_that_has_ended_starts_anew():
    limit = Limit(most=2, seconds=60)
    assert [count_request("someone:a", limit)[0] for _number in range(3)] == [1, 2, 3]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE roles_cache SET expires = clock_timestamp() - interval '1 second'")
    number, seconds = count_request("someone:a", limit)
    assert number == 1
    assert 59 < seconds <= 60


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_time_are_all_counted():
    numbers = []

    def ask():
        try:
            numbers.extend(count_request("someone:b", OTHERS)[0] for _number in range(25))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 101))


# What is too large


def test_a_body_that_is_too_large_is_answered_with_a_page(world):
    client = world.client("contributor")
    answer = client.post(world.mine.url("segments:add"), {"description": "x" * 2_600_000})
    assert answer.status_code == 413
    assert "The request is too large for Waybill." in answer.content.decode()
    assert world.mine.environment.name in answer.content.decode()


def test_too_many_fields_are_answered_with_a_notice_in_a_fragment(world):
    body = {f"field{number}": "" for number in range(5001)}
    answer = world.client("contributor").post(world.mine.url("segments:add"), body, headers=HTMX)
    assert answer.status_code == 413
    assert "The request is too large" in json.loads(answer.headers["HX-Trigger"])["notice"]["text"]


@pytest.mark.parametrize("person", ["anonymous", "contributor"])
def test_no_file_is_taken_from_anybody(world, person):
    url = "/login/" if person == "anonymous" else world.mine.url("segments:add")
    answer = world.client(person).post(url, {"login": SimpleUploadedFile("large.bin", b"x")})
    assert answer.status_code == 413


@pytest.mark.parametrize("name", ["exports:run", "exports:schedule", "exports:detach", "exports:remove"])
def test_more_ids_than_a_command_takes_are_refused_with_the_reason(world, name):
    answer = world.client("contributor").post(world.mine.url(name), {"id": list(range(1, 502))})
    assert answer.status_code == 413
    assert "fewer selected rows" in answer.content.decode()


def test_an_unknown_host_is_refused_in_our_design(world):
    answer = world.client("anonymous").get("/login/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "The request could not be read." in answer.content.decode()
