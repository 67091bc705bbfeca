"""Guessing: what it costs those who guess, and that it does not keep those out whose account it is."""

import re
import threading
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core import signing
from django.db import connection
from django.test import RequestFactory

from roles.audit.origin import client_address, client_network
from roles.models import Tries, User
from roles.sign_in import devices, tries
from tests.factories import make_user
from tests.roles.sign_in.people import PASSWORD, browser, is_in, log_in, make_grace, signed_in

pytestmark = pytest.mark.django_db
COOKIE = settings.DEVICE_COOKIE_NAME
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')


@pytest.fixture
def grace():
    return make_grace()


def guess(times: int, login: str = "grace", first: int = 0) -> list[int]:
    """Try wrong passwords, each from another address; return the statuses."""
    return [
        log_in(browser(), login, "wrong", REMOTE_ADDR=f"198.51.100.{first + number}").status_code
        for number in range(times)
    ]


def let_pass(seconds: float) -> None:
    """Let the database's tries be that much older."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE roles_tries SET free_at = free_at - make_interval(secs => %s), "
            "forgotten_at = forgotten_at - make_interval(secs => %s)", [seconds, seconds],
        )  # fmt: skip


def known_browser(login: str = "grace", password: str = PASSWORD):
    """Return a browser that logged in and out."""
    client = browser()
    assert log_in(client, login, password).status_code == 302
    client.post("/logout/")
    assert not is_in(client)
    return client


# What guessing costs


def test_many_addresses_gain_nothing(grace, slow):
    assert guess(6) == [200, 200, 200, 429, 429, 429]
    client = browser()
    answer = log_in(client, REMOTE_ADDR="198.51.100.99")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    assert "Too many attempts. Wait 60 seconds, then try again." in answer.content.decode()
    assert not is_in(client)


def test_one_account_is_meant_whatever_name_and_host_is_typed(grace, slow, settings):
    settings.ALLOWED_HOSTS = ["testserver", "other"]
    typed = [("grace", "testserver"), ("GRACE", "testserver:81"), ("grace@example.com", "other"), (" Grace", "other:1")]
    statuses = [log_in(browser(), login, "wrong", SERVER_NAME=host).status_code for login, host in typed]
    assert statuses == [200, 200, 200, 429]


def test_each_further_wait_is_twice_as_long_up_to_minutes(grace):
    client, waits = browser(), []
    for _time in range(14):
        guess(1, first=_time)
        row = Tries.objects.get(key__startswith="account:")
        waits.append(round((row.free_at - row.forgotten_at).total_seconds()) + tries.KEPT)
        let_pass(300)
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    guess(1, first=50)
    answer = log_in(client)
    assert "Wait 5 minutes" in answer.content.decode()
    let_pass(300)
    assert log_in(client).status_code == 302


def test_a_try_that_comes_too_soon_does_not_make_the_wait_longer(grace, slow):
    guess(30)
    let_pass(60)
    assert log_in(browser()).status_code == 302


def test_tries_are_forgotten_after_an_hour(grace, slow):
    guess(3)
    let_pass(tries.KEPT)
    assert guess(3) == [200, 200, 200]


def test_what_is_forgotten_is_removed(grace):
    guess(1)
    tries.tidy()
    assert Tries.objects.exists()
    let_pass(tries.KEPT)
    tries.tidy()
    assert not Tries.objects.exists()


def test_a_right_password_is_taken_back_and_no_more(grace, slow):
    guess(2)
    assert log_in(browser()).status_code == 302
    assert [log_in(browser(), password="wrong").status_code for _time in range(2)] == [200, 429]


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_time_are_all_counted(slow):
    grace, taken = make_user("grace"), []

    def attempt():
        try:
            taken.append(tries._take(f"account:{grace.pk}:password", tries.DELAYS["password"]))
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(0) == 3


# Who is kept out, and who is not


def test_the_owners_browser_is_not_kept_out(grace, slow):
    client = known_browser()
    guess(12)
    assert log_in(client).status_code == 302
    assert is_in(client)


def test_nor_by_somebody_at_the_same_address(grace, slow):
    client = known_browser()
    for number in range(40):
        log_in(browser(), f"somebody{number}", "wrong")
    assert log_in(browser()).status_code == 429
    assert log_in(client).status_code == 302


def test_the_owners_browser_is_bounded_too(grace, slow):
    client = known_browser()
    assert [log_in(client, password="wrong").status_code for _time in range(4)] == [200, 200, 200, 429]
    assert log_in(client).status_code == 429
    assert log_in(browser()).status_code == 302, "and keeps out nobody else"


def test_two_browsers_of_the_owner_are_counted_apart(grace, slow):
    one, other = known_browser(), known_browser()
    for _time in range(4):
        log_in(one, password="wrong")
    assert log_in(other).status_code == 302


def test_a_session_from_before_confirms_the_password_while_others_guess(grace, slow):
    client = signed_in()
    del client.cookies[COOKIE]
    guess(12)
    assert client.post("/account/confirm/", {"password": PASSWORD, "next": "/account/"}).status_code == 302


# The cookie


def test_the_cookie_is_for_servers_alone_and_lasts_half_a_year(grace, settings):
    settings.SESSION_COOKIE_SECURE = True
    client = known_browser()
    cookie = client.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"]) == (True, "Lax", True)
    assert cookie["max-age"] == devices.AGE == 180 * 24 * 3600
    assert "grace" not in cookie.value


def test_nobody_is_known_by_a_wrong_password(grace):
    client = browser()
    log_in(client, password="wrong")
    assert COOKIE not in client.cookies


@pytest.mark.parametrize(
    "forge",
    [
        lambda value: "",
        lambda value: "|||||",
        lambda value: value[:-1] + ("A" if value[-1] != "A" else "B"),
        lambda value: value.split(":", 1)[1],
        lambda value: f"x|y|z|a|b|{value}",
        lambda value: signing.dumps({"user": 1, "device": "a", "password": "b"}),
        lambda value: signing.dumps({"user": 1, "device": "a", "password": "b"}, key="other", salt=devices._SALT),
        lambda value: "ü\\\"' ;" * 1000,
    ],
)
def test_a_forged_cookie_gains_nothing(grace, slow, forge):
    value = known_browser().cookies[COOKIE].value
    client = browser()
    client.cookies[COOKIE] = forge(value)
    guess(4)
    assert log_in(client).status_code == 429


def test_the_cookie_of_another_account_gains_nothing(grace, slow):
    make_user("mallory")
    client = known_browser("mallory", "mallory")
    assert [log_in(client, password="wrong").status_code for _time in range(4)] == [200, 200, 200, 429]
    assert log_in(client).status_code == 429


def test_a_new_password_makes_browsers_unknown_but_the_one_that_set_it(grace, slow):
    there, here = known_browser(), signed_in()
    new = "another ship 45"
    here.post("/account/password/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    here.post("/logout/")
    guess(4)
    assert log_in(there, password=new).status_code == 429
    assert log_in(here, password=new).status_code == 302


def test_an_old_cookie_gains_nothing(grace, slow, monkeypatch):
    client = known_browser()
    guess(4)
    monkeypatch.setattr(devices, "AGE", -1)
    assert log_in(client).status_code == 429


def test_a_browser_is_known_to_several_accounts(grace, slow):
    for number in range(devices.MOST - 1):
        make_user(f"mate{number}")
    client = known_browser()
    for number in range(devices.MOST - 1):
        log_in(client, f"mate{number}", f"mate{number}")
        client.post("/logout/")
    guess(4)
    assert log_in(client).status_code == 302


def test_a_browser_keeps_its_count_when_it_logs_in_again(grace, slow):
    client = known_browser()
    for _time in range(2):
        log_in(client, password="wrong")
    assert log_in(client).status_code == 302
    client.post("/logout/")
    assert [log_in(client, password="wrong").status_code for _time in range(2)] == [200, 429]


# Nobody learns which accounts there are


def test_a_name_that_is_nobodys_behaves_as_if_it_were_somebodys(grace, slow):
    def said(login):
        answers = [log_in(browser(), login, "wrong", REMOTE_ADDR=f"198.51.100.{number}") for number in range(5)]
        texts = [CSRF.sub("", answer.content.decode()).replace(login, "") for answer in answers]
        return [(answer.status_code, answer.headers.get("Retry-After")) for answer in answers], texts

    assert said("grace") == said("nobody") == said("nobody@example.com")


@pytest.mark.parametrize("login", ["grace", "nobody", "nobody@example.com", "sso", "inactive"])
def test_each_try_takes_one_look_at_a_password_whoever_is_meant(grace, login, monkeypatch):
    from django.contrib.auth.hashers import MD5PasswordHasher

    User.objects.create_user("sso").set_unusable_password()
    make_user("inactive", is_active=False)
    hashed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda *args: hashed.append(1) or encode(*args))
    log_in(browser(), login, "wrong")
    assert len(hashed) == 1


def test_what_was_typed_is_not_kept(grace):
    guess(1, "my-secret-password")
    assert "secret" not in str(list(Tries.objects.values()))


@pytest.mark.parametrize("login", ["a\0b", "\ud83d", "x" * 100_000, "' OR 1=1 --", "%", "\u202egrace"])
def test_odd_names_are_only_wrong(grace, login):
    body = urlencode({"login": login, "password": "wrong"}, errors="surrogatepass")
    answer = browser().post("/login/", body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200


# From where


@pytest.mark.parametrize(
    ("added", "address", "network"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7:5678", "203.0.113.7", "203.0.113.7"),
        ("[2001:db8::1]:80", "2001:db8::1", "2001:db8::/64"),
        ("[2001:db8::1]", "2001:db8::1", "2001:db8::/64"),
        ('"[2001:db8::1]:4711"', "2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:f:0:0:1", "2001:db8::f:0:0:1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::1", "fe80::/64"),
        ("1.1.1.1, unknown", "", ""),
        ("1.1.1.1, ", "", ""),
        ("1.1.1.1, 203.0.113.7:99999999", "", ""),
        ("1.1.1.1, _hidden:1", "", ""),
        ("[::1", "", ""),
        ("[]:80", "", ""),
        ("203.0.113.٧", "", ""),
        ("\0" * 3, "", ""),
        ("1" * 100_000, "", ""),
        ("", "198.51.100.1", "198.51.100.1"),
    ],
)
def test_what_the_proxy_added_is_the_address(settings, added, address, network):
    settings.BEHIND_PROXY = True
    request = RequestFactory().get("/", REMOTE_ADDR="198.51.100.1", headers={"X-Forwarded-For": added})
    assert (client_address(request), client_network(request)) == (address, network)


@pytest.mark.parametrize("remote", ["", "unix:", "/run/socket", "nobody"])
def test_a_socket_of_this_machine_has_no_address(remote):
    request = RequestFactory().get("/", REMOTE_ADDR=remote)
    assert (client_address(request), client_network(request)) == ("", "")


def test_a_house_is_one_address_whatever_ports_and_addresses_it_has(grace, settings):
    settings.BEHIND_PROXY = True
    for number in range(10):
        log_in(browser(**{"X-Forwarded-For": f"[2001:db8::{number}]:{5000 + number}"}), f"somebody{number}", "wrong")
    assert log_in(browser(**{"X-Forwarded-For": "2001:db8::99"})).status_code == 429
    assert log_in(browser(**{"X-Forwarded-For": "2001:db8:0:1::99"})).status_code == 302


def test_a_wait_is_said_in_seconds_then_in_minutes():
    waits = [re.search("Wait (.*), then", tries.TooSoonError(seconds).messages[0])[1] for seconds in (1, 60, 91, 300)]
    assert waits == ["1 second", "60 seconds", "2 minutes", "5 minutes"]
