"""The log-in: who gets in, how often one may try, and what is recorded."""

import re

import pytest
from django.contrib.sessions.models import Session

from roles.models import AuditEvent, User
from tests.roles.sign_in.people import browser, is_in, log_in, make_grace, recorded, signed_in

pytestmark = pytest.mark.django_db
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')


@pytest.fixture
def grace():
    return make_grace()


def said(answer) -> str:
    return CSRF.sub("", answer.content.decode())


@pytest.mark.parametrize("login", ["grace", "GRACE", "grace@example.com", "Grace@Example.COM", " grace "])
def test_one_logs_in_by_user_name_or_e_mail(grace, login):
    client = browser()
    assert log_in(client, login).headers["Location"] == "/"
    assert is_in(client)


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(grace):
    wrong = [log_in(browser(), *words) for words in (("grace", "no"), ("nobody", "no"), ("grace@example.com", "no"))]
    assert {answer.status_code for answer in wrong} == {200}
    texts = {
        said(answer).replace(name, "")
        for answer, name in zip(wrong, ("grace", "nobody", "grace@example.com"), strict=True)
    }
    assert len(texts) == 1
    assert "Wrong user name or password." in texts.pop()


def test_after_a_wrong_password_only_the_password_is_typed_again(grace):
    focused = re.compile(r'<input[^>]*name="(\w+)"[^>]*autofocus')
    assert focused.findall(said(browser().get("/login/"))) == ["login"]
    assert focused.findall(said(log_in(browser(), "grace", "no"))) == ["password"]


def test_one_goes_where_one_wanted_to_and_nowhere_else(grace):
    for wanted, place in (
        ("/e/contoso/segments/", "/e/contoso/segments/"),
        ("https://evil.example/", "/"),
        ("//evil", "/"),
    ):
        answer = browser().post("/login/", {"login": "grace", "password": "a nice ship 44", "next": wanted})
        assert answer.headers["Location"] == place


# How often one may try


def test_others_log_in_while_one_account_has_to_wait(grace):
    for _time in range(6):
        log_in(browser(), "somebody", "wrong", REMOTE_ADDR="198.51.100.1")
    assert log_in(browser(), REMOTE_ADDR="198.51.100.2").status_code == 302


def test_an_address_is_closed_after_ten_wrong_passwords_whatever_it_says_of_itself(grace):
    for number in range(10):
        log_in(browser(**{"X-Forwarded-For": f"203.0.113.{number}"}), f"somebody{number}", "wrong")
    assert log_in(browser(**{"X-Forwarded-For": "203.0.113.99"})).status_code == 429


def test_behind_a_proxy_its_own_word_counts(grace, settings):
    settings.BEHIND_PROXY = True
    for number in range(10):
        log_in(browser(**{"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7"}), f"somebody{number}", "wrong")
    assert log_in(browser(**{"X-Forwarded-For": "203.0.113.99, 198.51.100.7"})).status_code == 429
    assert log_in(browser(**{"X-Forwarded-For": "203.0.113.1, 198.51.100.8"})).status_code == 302


def test_a_right_password_is_no_attempt(grace):
    for _time in range(7):
        assert log_in(browser()).status_code == 302


def test_whoever_sends_the_form_all_the_time_gets_a_page(grace):
    for _time in range(30):
        browser().post("/login/", {"login": ""})
    answer = browser().post("/login/", {"login": ""})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert "Too many requests" in said(answer)


# Accounts that are switched off


def test_a_deactivated_account_is_told_so_and_gets_no_session(grace):
    User.objects.update(is_active=False)
    client = browser()
    answer = log_in(client, follow=True)
    assert "This account is switched off" in said(answer)
    assert ["_auth_user_id" in session.get_decoded() for session in Session.objects.all()] == [False]
    assert not is_in(client)


def test_only_whoever_has_the_password_learns_that_an_account_is_switched_off(grace):
    User.objects.update(is_active=False)
    assert "Wrong user name or password." in said(log_in(browser(), "grace", "wrong"))


def test_whoever_is_deactivated_is_out_at_the_next_request(grace):
    client = signed_in()
    User.objects.update(is_active=False)
    assert client.get("/account/").headers["Location"] == "/login/?next=/account/"
    User.objects.update(is_active=True)
    assert not is_in(client)


# Out again


def test_only_a_form_logs_out(grace):
    client = signed_in()
    assert client.get("/logout/").status_code == 405
    assert is_in(client)
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert not is_in(client)
    assert not Session.objects.filter(session_key=client.session.session_key).exists()


def test_what_was_sent_after_the_session_ended_is_said_to_be_lost(grace):
    url = "/e/contoso/exports/add"
    answer = browser().post(url, {"name": "Half"})
    assert answer.headers["Location"] == f"/login/?next={url}&lost=1"
    assert "before your input was saved" in said(browser().get(answer.headers["Location"]))
    assert "before your input was saved" not in said(browser().get(f"/login/?next={url}"))


# Django admin


def test_django_admin_has_the_same_door(grace):
    client = browser()
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain[-1][0] == "/login/?next=%2Fadmin%2F"
    assert client.post("/admin/login/", {"username": "grace", "password": "a nice ship 44"}).status_code == 302
    assert not is_in(client)
    grace.is_staff = True
    grace.save()
    assert (
        client.post("/login/?next=/admin/", {"login": "grace", "password": "a nice ship 44"}).headers["Location"]
        == "/admin/"
    )
    assert client.get("/admin/").status_code == 200


def test_django_admin_is_closed_to_others(grace):
    client = signed_in()
    assert client.get("/admin/", follow=True).status_code == 403


# What is recorded


def test_coming_and_going_is_recorded(grace):
    client = signed_in()
    client.post("/logout/")
    assert recorded() == ["sign in", "sign out"]
    event = AuditEvent.objects.earliest("pk")
    assert (event.actor, event.object_id, event.changes) == (grace, str(grace.pk), {"with": "password"})
    assert event.origin == "127.0.0.1"


def test_a_failed_log_in_names_the_account_and_never_what_was_typed(grace):
    log_in(browser(), "grace@example.com", "planted-password")
    log_in(browser(), "planted-password", "planted-password")
    known, unknown = AuditEvent.objects.order_by("pk")
    assert (known.action, known.object_id, known.actor) == ("fail sign-in", str(grace.pk), None)
    assert (unknown.action, unknown.object_id, unknown.object_name) == ("fail sign-in", "0", "unknown person")
    assert "planted" not in str(list(AuditEvent.objects.values()))
