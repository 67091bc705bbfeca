"""Passwords: changed by whoever knows the old one, set anew by whoever gets the account's mail."""

import email
import re

import pytest

from config.mail import mail_settings
from roles.models import User
from tests.roles.sign_in.people import (
    EDGE,
    PASSWORD,
    browser,
    is_in,
    log_in,
    make_grace,
    recorded,
    signed_in,
    work,
)
from tests.servers.mail import running_mail_server

pytestmark = pytest.mark.django_db
NEW = "another ship 45"
CSRF = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')


@pytest.fixture
def grace():
    return make_grace()


@pytest.fixture
def mail(settings, mailoutbox):
    """The mails that were sent; Django's tests keep them instead of sending."""
    settings.MAIL_IS_SET_UP = True
    return mailoutbox


def ask(address: str, **extra):
    return browser().post("/password/reset/", {"email": address}, **extra)


def link(mail) -> str:
    return re.search(r"http://localhost(/password/reset/\S+)", mail[-1].body)[1]


def set_new(client, path: str, password: str = NEW):
    """Follow the link, and send the form to which it leads."""
    form = client.get(path).headers["Location"]
    return client.post(form, {"password1": password, "password2": password})


def change(client, old: str = PASSWORD, new: str = NEW):
    return client.post("/account/password/", {"oldpassword": old, "password1": new, "password2": new})


# Changed


def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(grace):
    here, there = signed_in(), signed_in(EDGE)
    assert change(here).headers["Location"] == "/account/"
    assert "Password changed." in here.get("/account/").content.decode()
    assert not is_in(there)
    assert log_in(browser(), password=PASSWORD).status_code == 200
    assert log_in(browser(), password=NEW).status_code == 302
    assert "change password" in recorded()


@pytest.mark.parametrize(("old", "new"), [("wrong", NEW), (PASSWORD, "12345678"), (PASSWORD, "grace@example.com")])
def test_a_password_is_not_changed_without_the_old_one_or_to_a_bad_one(grace, old, new):
    client = signed_in()
    assert change(client, old, new).status_code == 200
    assert User.objects.get().check_password(PASSWORD)
    assert is_in(client)


def test_the_old_password_cannot_be_guessed_on_the_page_that_changes_it(grace, slow):
    client = signed_in()
    for _time in range(3):
        assert change(client, "wrong").status_code == 200
    answer = change(client)
    assert answer.status_code == 429
    assert "Wait 60 seconds" in answer.content.decode()
    assert log_in(browser()).status_code == 302, "whoever holds a session keeps nobody out"


def test_who_has_no_password_here_is_offered_none(grace):
    client = signed_in()
    grace.set_unusable_password()
    grace.save()
    client.force_login(grace)
    assert client.get("/account/password/").headers["Location"] == "/account/"
    assert "you have no password here" in client.get("/account/").content.decode()


# Reset


def test_a_link_by_mail_sets_a_new_password_once_and_ends_all_sessions(grace, mail):
    there = signed_in()
    answer = browser().post("/password/reset/", {"email": "Grace@Example.com"}, follow=True)
    assert "we sent it a link" in answer.content.decode()
    work()
    assert (len(mail), mail[0].to, mail[0].subject) == (1, ["grace@example.com"], "Set a new password for Waybill")
    path, client = link(mail), browser()
    assert set_new(client, path).headers["Location"] == "/login/"
    assert "Password set." in client.get("/login/").content.decode()
    assert not is_in(there)
    assert not is_in(client)
    assert log_in(client, password=NEW).status_code == 302
    assert "reset password" in recorded()
    for again in (browser(), client):
        assert "This link is no longer valid" in again.get(path).content.decode()


def test_a_link_ends_with_its_time(grace, mail, settings):
    ask("grace@example.com")
    work()
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert "This link is no longer valid" in browser().get(link(mail)).content.decode()


def test_a_link_is_no_good_after_the_next_log_in(grace, mail):
    ask("grace@example.com")
    work()
    signed_in()
    assert "This link is no longer valid" in browser().get(link(mail)).content.decode()


def test_a_bad_password_is_refused_and_the_link_stays_good(grace, mail):
    ask("grace@example.com")
    work()
    client = browser()
    assert "too common" in set_new(client, link(mail), "password").content.decode()
    assert set_new(client, link(mail)).status_code == 302


def test_nobody_waits_after_a_new_password(grace, mail, slow):
    for number in range(4):
        log_in(browser(), "grace", "wrong", REMOTE_ADDR=f"198.51.100.{number}")
    ask("grace@example.com")
    work()
    set_new(browser(), link(mail))
    assert log_in(browser(), password=NEW).status_code == 302


def test_the_browser_that_followed_the_link_is_kept_out_by_nobody(grace, mail, slow):
    ask("grace@example.com")
    work()
    client = browser()
    set_new(client, link(mail))
    for number in range(4):
        log_in(browser(), "grace", "wrong", REMOTE_ADDR=f"198.51.100.{number}")
    assert log_in(browser(), password=NEW).status_code == 429
    assert log_in(client, password=NEW).status_code == 302


def test_the_answer_does_not_tell_whether_there_is_an_account(grace, mail):
    texts = set()
    for address in ("grace@example.com", "nobody@example.com"):
        client = browser()
        answer = client.post("/password/reset/", {"email": address}, follow=True)
        texts.add(CSRF.sub("", answer.content.decode()))
    assert len(texts) == 1
    work()
    assert len(mail) == 1


@pytest.mark.parametrize("kind", ["deactivated", "from single sign-on"])
def test_no_link_is_sent_to_who_may_not_log_in_with_a_password(grace, mail, kind):
    grace.is_active = kind != "deactivated"
    if kind == "from single sign-on":
        grace.set_unusable_password()
    grace.save()
    ask("grace@example.com")
    work()
    assert mail == []


def test_nobody_is_flooded_with_links(grace, mail):
    for login in ("grace@example.com", "nobody@example.com"):
        for number in range(3):
            assert ask(login, REMOTE_ADDR=f"198.51.100.{number}").status_code == 302
        answer = ask(login.upper(), REMOTE_ADDR="198.51.100.9")
        assert answer.status_code == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_others_who_ask_for_links_do_not_keep_the_owner_from_it(grace, mail):
    owner = signed_in()
    owner.post("/logout/")
    for number in range(4):
        ask("grace@example.com", REMOTE_ADDR=f"198.51.100.{number}")
    assert owner.post("/password/reset/", {"email": "grace@example.com"}).status_code == 302


def test_a_link_leads_to_a_host_of_ours_only(grace, mail):
    assert ask("grace@example.com", SERVER_NAME="evil.example").status_code == 400
    work()
    assert mail == []


def test_without_a_mail_server_the_page_says_whom_to_ask(grace, mailoutbox):
    page = browser().get("/password/reset/").content.decode()
    assert "manage.py changepassword" in page
    assert 'type="email"' not in page
    ask("grace@example.com")
    work()
    assert mailoutbox == []


# By a real mail server


def use(settings, server) -> None:
    settings.MAIL_IS_SET_UP = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    for name, value in mail_settings(f"smtp://127.0.0.1:{server.server_address[1]}").items():
        setattr(settings, name, value)


def test_the_mail_server_of_the_variable_gets_the_link(grace, settings):
    with running_mail_server() as server:
        use(settings, server)
        ask("grace@example.com")
        work()
    (text,) = server.kept
    assert "To: grace@example.com" in text
    assert "for 2 hours" in email.message_from_string(text).get_payload(decode=True).decode()


def test_a_mail_that_is_refused_is_logged_without_address_or_link(grace, settings, caplog):
    with running_mail_server(refuses=True) as server:
        use(settings, server)
        assert ask("grace@example.com").status_code == 302
        work()
    assert server.kept == []
    assert "was not mailed: SMTPRecipientsRefused" in caplog.text
    assert "grace@" not in caplog.text
    assert "/password/reset/1" not in caplog.text
