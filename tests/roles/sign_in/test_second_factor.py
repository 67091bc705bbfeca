"""Codes as the second factor: turned on and off, asked for, bounded, good once, and encrypted at rest."""

import re

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command

from roles.models import AuditEvent, User
from roles.sign_in.reset import send_links
from tests.roles.sign_in.people import browser, code, confirm, is_in, log_in, make_grace, recorded, signed_in, turn_on

pytestmark = pytest.mark.django_db
CODE = "/login/code/"


@pytest.fixture
def grace():
    return make_grace()


@pytest.fixture
def factor(grace, django_capture_on_commit_callbacks):
    """The secret and the recovery codes of Grace, who turned her second factor on."""
    return turn_on(signed_in(), django_capture_on_commit_callbacks)


def at_the_code():
    client = browser()
    assert log_in(client).headers["Location"] == CODE
    return client


def enter(client, typed: str):
    return client.post(CODE, {"code": typed})


# Turned on and off


def test_turning_it_on_asks_for_the_password_first(grace):
    client = signed_in()
    answer = client.get("/account/factor/")
    assert answer.headers["Location"] == "/account/confirm/?next=%2Faccount%2Ffactor%2F"
    wrong = client.post("/account/confirm/", {"password": "wrong", "next": "/account/factor/"})
    assert "Wrong password." in wrong.content.decode()
    assert client.get("/account/factor/").status_code == 302
    right = client.post("/account/confirm/", {"password": "a nice ship 44", "next": "/account/factor/"})
    assert right.headers["Location"] == "/account/factor/"
    page = client.get("/account/factor/").content.decode()
    assert 'src="data:image/svg+xml;base64,' in page
    assert "style=" not in page


def test_it_is_on_after_the_first_right_code(grace):
    client = signed_in()
    confirm(client)
    client.get("/account/factor/")
    wrong = client.post("/account/factor/", {"code": "000000"})
    assert "This code is wrong" in wrong.content.decode()
    assert not Authenticator.objects.exists()


def test_the_recovery_codes_are_shown_once_and_can_be_downloaded(factor):
    _secret, codes = factor
    assert len(codes) == 10
    client = at_the_code()
    assert enter(client, codes[0]).status_code == 302
    confirm(client)
    page = client.get("/account/factor/codes/").content.decode()
    assert "9 codes left." in page
    assert not any(each in page for each in codes)
    assert "9 recovery codes left" in client.get("/account/").content.decode()


def test_the_file_has_the_codes(grace, django_capture_on_commit_callbacks):
    client = signed_in()
    confirm(client)
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', client.get("/account/factor/").content.decode())[1]
    page = client.post("/account/factor/", {"code": code(secret)}, follow=True).content.decode()
    codes = re.findall(r"<code>(\d{8})</code>", page)
    assert f'href="data:text/plain;charset=utf-8,{"%0D%0A".join(codes)}" download=' in page


def test_new_recovery_codes_end_the_old_ones(factor, django_capture_on_commit_callbacks):
    client = at_the_code()
    enter(client, code(factor[0], 1))
    confirm(client)
    with django_capture_on_commit_callbacks(execute=True):
        page = client.post("/account/factor/codes/new/", follow=True).content.decode()
    new = re.findall(r"<code>(\d{8})</code>", page)
    assert not set(new) & set(factor[1])
    assert enter(at_the_code(), factor[1][0]).status_code == 200
    assert enter(at_the_code(), new[0]).status_code == 302
    assert "renew recovery codes" in recorded()


def test_it_is_turned_off_after_the_password_again(factor):
    client = at_the_code()
    enter(client, code(factor[0], 1))
    assert client.post("/account/factor/remove/").headers["Location"].startswith("/account/confirm/")
    assert Authenticator.objects.count() == 2
    confirm(client)
    assert client.post("/account/factor/remove/").headers["Location"] == "/account/"
    assert not Authenticator.objects.exists()
    assert log_in(browser()).headers["Location"] == "/"


def test_an_operator_removes_it_for_who_lost_everything(factor, capsys):
    call_command("remove_second_factor", "Grace@example.com")
    assert "grace logs in with the password alone." in capsys.readouterr().out
    assert log_in(browser()).headers["Location"] == "/"
    assert recorded()[-2:] == ["turn off second factor", "sign in"]
    with pytest.raises(CommandError):
        call_command("remove_second_factor", "nobody")


def test_what_was_asked_for_is_done_after_the_confirmation(factor):
    client = at_the_code()
    enter(client, code(factor[0], 1))
    asked = client.post("/account/factor/remove/").headers["Location"]
    answer = client.post(asked, {"password": "a nice ship 44", "next": "/account/factor/remove/"})
    assert answer.headers["Location"] == "/account/"
    assert not Authenticator.objects.exists()


def test_who_is_switched_off_between_password_and_code_stays_out(factor):
    client = at_the_code()
    User.objects.update(is_active=False)
    assert enter(client, code(factor[0], 1)).headers["Location"] == "/login/inactive/"
    assert not is_in(client)
    assert "sign in" not in recorded()[2:]


# Asked for


def test_the_log_in_asks_for_the_code(factor):
    client = at_the_code()
    assert not is_in(client)
    assert client.get("/e/contoso/exports/").headers["Location"].startswith("/login/")
    assert enter(client, code(factor[0], 1)).headers["Location"] == "/"
    assert is_in(client)


def test_where_one_wanted_to_go_is_kept_through_the_code(factor):
    client = browser()
    log_in(client, next="/e/contoso/segments/")
    assert enter(client, code(factor[0], 1)).headers["Location"] == "/e/contoso/segments/"


def test_there_is_no_way_past_the_code(factor):
    """Neither to Django admin nor by a link to set a new password."""
    client = browser()
    log_in(client, next="/admin/")
    assert client.get("/admin/").status_code == 302
    assert client.get("/login/").headers["Location"] == CODE
    assert browser().get(CODE).headers["Location"] == "/login/"


def test_one_can_begin_again_as_somebody_else(factor):
    client = at_the_code()
    client.post("/logout/")
    assert client.get("/login/").status_code == 200


def test_a_recovery_code_works_once(factor):
    assert enter(at_the_code(), factor[1][3]).status_code == 302
    assert enter(at_the_code(), factor[1][3]).status_code == 200
    assert "use recovery code" in recorded()


def test_a_code_works_once(factor):
    used = code(factor[0], 1)
    assert enter(at_the_code(), used).status_code == 302
    for again in (used, f"{used[:3]} {used[3:]}"):
        assert "was already used" in enter(at_the_code(), again).content.decode()


def test_codes_are_bounded(factor, slow):
    client = at_the_code()
    for _time in range(3):
        assert enter(client, "000000").status_code == 200
    answer = enter(client, code(factor[0], 1))
    assert answer.status_code == 429
    assert "Wait 60 seconds" in answer.content.decode()
    assert answer.headers["Retry-After"] == "60"
    assert enter(at_the_code(), factor[1][0]).status_code == 429
    assert not is_in(client)


def test_a_right_password_does_not_make_codes_free(factor, slow):
    for _time in range(3):
        assert enter(at_the_code(), "000000").status_code == 200
    assert enter(at_the_code(), factor[1][0]).status_code == 429


def test_whoever_reads_the_mail_gains_no_codes_by_setting_new_passwords(factor, slow, mailoutbox):
    for number in range(3):
        client, new = browser(), f"another ship {number}"
        send_links("grace@example.com")
        form = client.get(re.search(r"/password/reset/\S+", mailoutbox[-1].body)[0]).headers["Location"]
        assert client.post(form, {"password1": new, "password2": new}).headers["Location"] == "/login/"
        assert log_in(client, password=new).headers["Location"] == CODE
        assert enter(client, "000000").status_code == 200
    assert enter(client, factor[1][0]).status_code == 429


def test_new_passwords_by_mail_give_no_more_links(grace, slow, mailoutbox, settings):
    settings.MAIL_IS_SET_UP = True
    for _time in range(3):
        assert browser().post("/password/reset/", {"email": "grace@example.com"}).status_code == 302
    client = browser()
    send_links("grace@example.com")
    form = client.get(re.search(r"/password/reset/\S+", mailoutbox[-1].body)[0]).headers["Location"]
    client.post(form, {"password1": "another ship 45", "password2": "another ship 45"})
    assert browser().post("/password/reset/", {"email": "grace@example.com"}).status_code == 429


def test_whoever_knows_the_password_and_guesses_codes_does_not_keep_the_owner_out(factor, slow):
    owner = at_the_code()
    assert enter(owner, factor[1][0]).status_code == 302
    owner.post("/logout/")
    for number in range(4):
        client = browser()
        log_in(client, REMOTE_ADDR=f"198.51.100.{number}")
        client.post(CODE, {"code": "000000"}, REMOTE_ADDR=f"198.51.100.{number}")
    log_in(owner)
    assert enter(owner, factor[1][1]).status_code == 302


@pytest.mark.parametrize("page", ["/account/confirm/", "/account/confirm/code/"])
def test_what_is_asked_for_again_cannot_be_guessed_either(factor, slow, page):
    client = at_the_code()
    assert enter(client, factor[1][0]).status_code == 302
    wrong = {"password": "wrong", "code": "000000"}
    assert [client.post(page, wrong).status_code for _time in range(4)] == [200, 200, 200, 429]
    assert client.post(page, {"password": "a nice ship 44", "code": factor[1][1]}).status_code == 429


def test_a_clock_may_be_half_a_minute_off_and_not_more(factor):
    assert enter(at_the_code(), code(factor[0], -4)).status_code == 200
    assert enter(at_the_code(), code(factor[0], 4)).status_code == 200


# At rest


def test_no_secret_lies_in_the_database_in_clear(grace, django_capture_on_commit_callbacks):
    client = signed_in()
    confirm(client)
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', client.get("/account/factor/").content.decode())[1]
    assert secret not in str([session.get_decoded() for session in Session.objects.all()])
    with django_capture_on_commit_callbacks(execute=True):
        codes = re.findall(
            r"<code>(\d{8})</code>",
            client.post("/account/factor/", {"code": code(secret)}, follow=True).content.decode(),
        )
    kept = str(list(Authenticator.objects.values())) + str(list(AuditEvent.objects.values()))
    kept += str([session.get_decoded() for session in Session.objects.all()])
    assert not [value for value in (secret, *codes) if value in kept]
    totp, recovery = Authenticator.objects.order_by("-type")
    assert totp.data["secret"].startswith("gAAAA")
    assert recovery.data["seed"].startswith("gAAAA")


def test_a_lost_key_is_said_and_lets_nobody_in(factor, settings):
    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]
    client = at_the_code()
    answer = enter(client, code(factor[0], 1))
    assert "cannot be read" in answer.content.decode()
    assert not is_in(client)


def test_it_is_recorded_without_a_code(factor):
    client = at_the_code()
    enter(client, "123456")
    enter(client, code(factor[0], 1))
    assert recorded() == ["sign in", "turn on second factor", "fail sign-in", "sign in"]
    failed, signed = AuditEvent.objects.order_by("pk")[2:]
    assert failed.changes == {"step": "code"}
    assert signed.changes == {"with": "password, mfa"}
    assert "123456" not in str(list(AuditEvent.objects.values()))
