"""The HTTP client of people-targeting systems, against a receiver that misbehaves."""

import socket
import threading

import pytest

from connections.destinations import http
from connections.destinations.base import DeliveryError
from connections.destinations.base.audiences import Request
from connections.destinations.http import Client, LostAnswerError, as_delivery_error
from tests.servers.webhook import answer, answer_with, cut, drip, endless, running_receiver, silent
from tests.until import until


@pytest.fixture
def receiver():
    with running_receiver() as server:
        yield server


@pytest.fixture
def client():
    made = Client(seconds=0.5, headers={"Authorization": "Bearer planted"})
    yield made
    made.close()


def test_a_request_and_its_answer_go_through_whole(receiver, client):
    receiver.behaves = [answer_with('{"id": "é"}')]
    response = client.send(Request("POST", f"{receiver.url}?a=b", {"name": "Zoë 😀"}, headers={"X-One": "1"}))
    assert (response.status, response.is_ok, response.json()) == (200, True, {"id": "é"})
    (got,) = receiver.got
    assert (got.path, got.json) == ("/hooks/planted-path?a=b", {"name": "Zoë 😀"})
    sent = {name: got.headers.get(name) for name in ("authorization", "x-one", "content-type")}
    assert sent == {"authorization": "Bearer planted", "x-one": "1", "content-type": "application/json"}


def test_a_connection_is_used_again_and_one_that_ended_meanwhile_is_opened_again(receiver, client):
    receiver.behaves = [200, cut, 200]
    assert client.send(Request("GET", receiver.url)).status == 200
    assert client.send(Request("GET", receiver.url)).status == 200, "the server had closed what it kept open"
    receiver.behaves = [200, cut, 200]
    assert client.send(Request("POST", receiver.url, {})).status == 200
    with pytest.raises(LostAnswerError):
        client.send(Request("POST", receiver.url, {}, is_repeatable=False))


@pytest.mark.parametrize(
    ("behaviour", "why", "text"),
    [
        (silent, "timeout", "did not answer in time"),
        (drip, "timeout", "did not answer in time"),
        (endless, "cut", "broke off"),
        (cut, "closed", "broke off"),
    ],
)
def test_an_answer_that_does_not_come_is_lost_after_it_was_sent(receiver, client, behaviour, why, text):
    receiver.behaves = [behaviour]
    with pytest.raises(LostAnswerError) as lost:
        client.send(Request("POST", receiver.url, {}))
    error = as_delivery_error(lost.value)
    assert (lost.value.args[0], lost.value.is_sent) == (why, True)
    assert (text in str(error.message), error.permanent, error.silent) == (True, False, why == "timeout")


def test_an_answer_that_is_too_long_is_not_kept(receiver, client, monkeypatch):
    monkeypatch.setattr(http, "MOST_ANSWER", 10)
    receiver.behaves = [answer_with("x" * 11)]
    with pytest.raises(LostAnswerError):
        client.send(Request("GET", receiver.url))


def test_redirects_are_not_followed_and_nonsense_is_no_json(receiver, client):
    receiver.behaves = [answer(302, Location="/elsewhere")]
    response = client.send(Request("GET", receiver.url))
    assert (response.status, response.headers["location"], response.json(), len(receiver.got)) == (
        302,
        "/elsewhere",
        {},
        1,
    )
    receiver.behaves = [answer_with("[" * 100_000)]
    assert client.send(Request("GET", receiver.url)).json() == {}


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "https://10.0.0.1/", "ftp://127.0.0.1/", "http://[", "x"]
)
def test_addresses_that_may_not_be_reached_are_refused_for_good(client, url):
    with pytest.raises(DeliveryError) as refused:
        client.send(Request("GET", url))
    assert refused.value.permanent


def test_nobody_listens_and_an_unknown_name_were_not_sent(client):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for url, why in ((f"http://127.0.0.1:{port}/", "refused"), ("https://no-such-name.invalid/", "unknown name")):
        with pytest.raises(LostAnswerError) as lost:
            client.send(Request("GET", url))
        assert (lost.value.args[0], lost.value.is_sent) == (why, False)


def test_closing_breaks_off_what_other_threads_wait_for(receiver):
    client, caught = Client(seconds=60), []
    receiver.behaves = [silent]

    def wait():
        try:
            client.send(Request("GET", receiver.url))
        except LostAnswerError as lost:
            caught.append(lost.is_sent)

    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: receiver.got)
    client.close()
    thread.join(30)
    assert caught == [True]
