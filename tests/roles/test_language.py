"""Who reads what in which language: the account's, else the environment's, else what the browser asks for."""

import json
import re
import threading

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import translation

from config.pseudo import CODE, OPENING
from exports.alerts.channels.sending import send
from exports.models import AlertChannel, AlertDelivery
from roles import language
from roles.audit import audit
from roles.models import AuditEvent, Environment, User
from roles.people import mail as invitations
from roles.people.invitations import invite
from roles.roles import Role
from roles.sign_in.reset import send_links
from tests import pseudo
from tests.factories import client_of, make_environment, make_member, make_user

pytestmark = pytest.mark.django_db
in_two = pytest.mark.usefixtures("two_languages")


@pytest.fixture
def two_languages():
    with pseudo.offered():
        yield


@pytest.fixture
def contoso():
    return make_environment()


def language_of(page):
    """Return the language that a page states, after making sure that its words are in it."""
    said = re.search(r'<html lang="([^"]+)"', page.content.decode())[1]
    assert (OPENING in page.content.decode()) == (said == CODE)
    return said


def exports_of(environment):
    return reverse("exports:list", kwargs={"environment": environment.slug})


@in_two
@pytest.mark.parametrize(
    "own, of_environment, asked, said",
    [
        ("", "", "", "en"),
        ("", "", "fr,de;q=0.5", "en"),
        ("", "", f"fr,{CODE};q=0.9,en;q=0.1", CODE),
        ("", "", "en-GB", "en"),
        ("", CODE, "en", CODE),
        ("", "en", CODE, "en"),
        ("en", CODE, CODE, "en"),
        (CODE, "en", "en", CODE),
        ("gone", CODE, "en", CODE),
        ("gone", "gone", CODE, CODE),
    ],
)
def test_own_choice_goes_before_that_of_the_environment_and_that_before_the_browser(
    contoso, own, of_environment, asked, said
):
    person = make_member(contoso)
    person.language, contoso.language = own, of_environment
    person.save(), contoso.save()
    browser = client_of(person)
    for path in (exports_of(contoso), reverse("account"), exports_of(contoso) + "nothing", "/nothing"):
        answer = browser.get(path, headers={"Accept-Language": asked})
        assert (language_of(answer), answer.headers["Content-Language"]) == (said, said), path
        assert "Accept-Language" in answer.headers["Vary"]
    assert translation.get_language() == "en"


@in_two
@pytest.mark.parametrize("forged", ["../../etc", "x" * 9000, "*", "en-x-pseudo\0", "é", ",,;q=", "zz"])
def test_what_browsers_forge_is_english(client, forged):
    assert language_of(client.get("/login/", headers={"Accept-Language": forged})) == "en"


@in_two
def test_log_in_page_and_its_refusal_are_in_the_language_of_the_browser(client):
    headers = {"Accept-Language": CODE}
    assert language_of(client.get("/login/", headers=headers)) == CODE
    refused = client.post("/login/", {"login": "nobody", "password": "wrong"}, headers=headers)
    assert language_of(refused) == CODE
    assert language.accepted(refused.wsgi_request) == CODE


@in_two
def test_where_no_environment_is_meant_those_of_the_person_decide_if_they_agree(contoso):
    contoso.language = CODE
    contoso.save()
    person = make_member(contoso)
    assert language_of(client_of(person).get(reverse("account"))) == CODE
    other = make_environment(language="en")
    other.role_assignments.create(user=person, role=Role.VIEWER)
    assert language_of(client_of(person).get(reverse("account"))) == "en"


@in_two
def test_people_choose_on_their_account(contoso):
    person = make_member(contoso)
    browser = client_of(person)
    page = browser.get(reverse("account"))
    assert 'name="language"' in page.content.decode()
    answer = browser.post(reverse("account_reading"), {"language": CODE}, follow=True)
    assert language_of(answer) == CODE
    assert translation.get_language() == "en"
    person.refresh_from_db()
    assert person.language == CODE
    refused = browser.post(reverse("account_reading"), {"language": "xx"})
    assert (refused.status_code, language_of(refused)) == (422, CODE)
    browser.post(reverse("account_reading"), {"language": ""})
    person.refresh_from_db()
    assert person.language == ""


def test_nobody_is_asked_while_there_is_one_language(contoso):
    browser = client_of(make_member(contoso))
    system = reverse("system:schedule", kwargs={"environment": contoso.slug})
    for path in (reverse("account"), system):
        page = browser.get(path, headers={"Accept-Language": CODE})
        assert 'name="language"' not in page.content.decode()
        assert language_of(page) == "en"
    browser.post(reverse("account_reading"), {"language": "en"})
    assert User.objects.get(pk=browser.session["_auth_user_id"]).language == ""
    zone = reverse("system:zone", kwargs={"environment": contoso.slug})
    browser.post(zone, {"time_zone": "Europe/Paris", "language": "en"})
    contoso.refresh_from_db()
    assert (contoso.time_zone, contoso.language) == ("Europe/Paris", "")


@in_two
def test_administrators_choose_for_the_environment(contoso):
    browser = client_of(make_member(contoso))
    url = reverse("system:zone", kwargs={"environment": contoso.slug})
    answer = browser.post(url, {"time_zone": "UTC", "language": CODE}, follow=True)
    assert language_of(answer) == CODE
    event = AuditEvent.objects.get(action="change language")
    assert event.changes == {"language": ["", CODE]}
    assert browser.post(url, {"time_zone": "UTC", "language": "xx"}).status_code == 422
    browser.post(url, {"time_zone": "UTC", "language": CODE})
    assert AuditEvent.objects.filter(action="change language").count() == 1
    assert Environment.objects.get().language == CODE


@in_two
def test_an_environment_is_made_in_a_language():
    make_user("ada")
    options = {"name": "Contoso", "audience": "consumers", "administrator": "ada"}
    call_command("create_environment", "contoso", language=CODE, **options)
    assert Environment.objects.get().language == CODE
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("create_environment", "other", "--language=xx", **options)


@in_two
def test_fragments_and_what_they_trigger_are_in_the_language(contoso):
    contoso.language = CODE
    contoso.save()
    browser = client_of(make_member(contoso))
    headers = {"HX-Request": "true", "HX-Target": "panel"}
    add = reverse("people:add", kwargs={"environment": contoso.slug})
    assert OPENING in browser.get(add, headers=headers).content.decode()
    friend = make_user()
    done = browser.post(add, {"person": friend.username, "role": "viewer"}, headers=headers)
    assert OPENING in json.loads(done.headers["HX-Trigger"])["announce"]


@in_two
def test_downloads_are_made_in_the_language_and_the_thread_keeps_its_own(contoso):
    contoso.language = CODE
    contoso.save()
    browser = client_of(make_member(contoso))
    audit.record(contoso, "change language", contoso, by=None, changes={"language": ["", CODE]})
    answer = browser.post(reverse("audit:download", kwargs={"environment": contoso.slug}))
    assert answer.streaming
    between = []
    text = b""
    for piece in answer:
        between.append(translation.get_language())
        text += piece
    assert OPENING in text.decode()
    assert set(between) == {"en"}
    assert translation.get_language() == "en"


@in_two
def test_one_reader_in_one_thread_does_not_change_another(contoso):
    person = make_member(contoso)
    person.language = CODE
    person.save()
    browser, other = client_of(person), client_of(make_member(contoso))
    seen = [language_of(one.get(exports_of(contoso))) for one in (other, browser, other, browser)]
    assert seen == ["en", CODE, "en", CODE]
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append(translation.get_language()))
    thread.start()
    thread.join()
    assert elsewhere == ["en"]


@in_two
def test_a_link_to_set_a_password_is_mailed_in_the_language_of_who_reads_it(contoso, settings):
    contoso.language = CODE
    contoso.save()
    person = make_member(contoso)
    person.email = "ada@example.com"
    person.save()
    assert send_links("ada@example.com") == 1
    person.language = "en"
    person.save()
    assert send_links("ada@example.com") == 1
    assert [(OPENING in one.subject, OPENING in one.body) for one in mail.outbox] == [(True, True), (False, False)]


@in_two
def test_an_invitation_is_mailed_in_the_language_of_who_is_invited(contoso, settings):
    settings.MAIL_IS_SET_UP = True
    contoso.language = CODE
    contoso.save()
    make_user(email="ada@example.com", language="en")
    inviter = make_member(contoso)
    for address in ("ada@example.com", "new@example.com"):
        invitation = invite(contoso, address, Role.VIEWER, days=7, by=inviter).invitation
        assert invitations.send_link(invitation, "https://waybill.example.com/1") == ""
    assert [(OPENING in one.subject, OPENING in one.body) for one in mail.outbox] == [(False, False), (True, True)]


@in_two
def test_an_alert_is_mailed_to_each_in_their_language(contoso, settings):
    settings.MAIL_IS_SET_UP = True
    channel = AlertChannel.objects.create(environment=contoso, name="Us", kind="email", kinds=["failed"])
    for name, code in {"a": CODE, "b": "en", "c": CODE}.items():
        person = make_member(contoso)
        person.email, person.language = f"{name}@example.com", code
        person.save()
        channel.people.add(person)
    send(AlertDelivery(channel=channel), lambda answers: None)
    found = {one.to[0]: OPENING in one.subject and OPENING in one.body for one in mail.outbox}
    assert found == {"a@example.com": True, "b@example.com": False, "c@example.com": True}
    assert len({one.extra_headers["Message-ID"] for one in mail.outbox}) == 3
