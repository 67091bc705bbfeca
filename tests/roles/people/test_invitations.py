"""Invitations: made, shown once, sent, accepted once, withdrawn, over."""

import io
import logging.config
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from roles.models import AuditEvent, Invitation, RoleAssignment, User
from roles.people import actions, invitations
from roles.people.invitations import NoInvitationError, accept, invite
from roles.roles import Role
from tests.factories import client_of, make_environment, make_member, make_user
from tests.roles.people.place import text_of

ACCOUNT = {"name": "Bea Bauer", "username": "bea", "password": "quite-a-long-one"}


@pytest.fixture
def issued(place):
    return invite(place.environment, "bea@example.com", Role.CONTRIBUTOR, days=7, by=place.ada)


def page(token, browser=None):
    return (browser or Client()).get(f"/invitations/{token}/")


# Making one


def test_an_unknown_address_is_offered_an_invitation(place):
    answer = place.post("add", {"person": "bea@example.com", "role": "viewer"})
    assert answer.status_code == 422
    assert "No account has the address bea@example.com" in text_of(answer)
    assert "Create invitation" in text_of(answer)
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(("sent", "days"), [({}, 7), ({"days": "1"}, 1), ({"days": "30"}, 30)])
def test_the_link_is_shown_once_and_only_its_digest_is_kept(place, sent, days):
    body = {"person": "Bea@example.com", "role": "viewer", "then": "invite"} | sent
    text = text_of(place.post("add", body))
    token = re.search(r"http://localhost/invitations/([\w-]{43})/", text)[1]
    made = Invitation.objects.get()
    assert made.token_sha256 == invitations.digest(token)
    assert made.email == "bea@example.com"
    assert timedelta(days=days) - timedelta(minutes=1) < made.expires_at - timezone.now() <= timedelta(days=days)
    assert token not in text_of(place.browser.get(place.url("invitations")))
    assert token not in str([list(AuditEvent.objects.values()), list(Invitation.objects.values())])


def test_other_lengths_are_refused(place):
    body = {"person": "bea@example.com", "role": "viewer", "then": "invite", "days": "3650"}
    assert place.post("add", body).status_code == 422
    assert not Invitation.objects.exists()


def test_an_account_that_exists_is_added_even_if_an_invitation_was_asked_for(place):
    bea = make_user("bea", email="bea@example.com")
    place.post("add", {"person": "bea@example.com", "role": "viewer", "then": "invite"})
    assert place.role_of(bea) == ("viewer", "")
    assert not Invitation.objects.exists()


def test_the_link_is_sent_where_mail_is_set_up(place, settings):
    settings.MAIL_IS_SET_UP = True
    answer = place.post("add", {"person": "bea@example.com", "role": "viewer", "then": "invite"})
    assert "The link was sent to bea@example.com" in text_of(answer)
    assert mail.outbox[0].to == ["bea@example.com"]
    token = re.search(r"/invitations/([\w-]+)/", mail.outbox[0].body)[1]
    assert page(token).status_code == 200


def test_without_mail_the_link_is_to_be_handed_over(place):
    answer = place.post("add", {"person": "bea@example.com", "role": "viewer", "then": "invite"})
    assert "No e-mail was sent" in text_of(answer)
    assert mail.outbox == []


def test_a_mail_server_that_refuses_leaves_the_link_on_the_page(place, settings, unused_tcp_port):
    settings.MAIL_IS_SET_UP = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_tcp_port
    answer = place.post("add", {"person": "bea@example.com", "role": "viewer", "then": "invite"})
    assert "No e-mail was sent" in text_of(answer)
    assert "/invitations/" in text_of(answer)


@pytest.fixture
def unused_tcp_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_inviting_an_address_again_ends_its_earlier_link(place, issued):
    second = invite(place.environment, "BEA@example.com", Role.VIEWER, days=1, by=place.ada)
    assert page(issued.token).status_code == 404
    assert page(second.token).status_code == 200


# The page


def test_the_page_says_environment_role_and_who_invites(place, issued):
    text = text_of(page(issued.token))
    assert "Join Contoso" in text
    assert "ada invites you as <strong>Contributor</strong>" in text
    assert f'href="/login/?next=/invitations/{issued.token}/"' in text


def test_a_new_account_is_made_signed_in_and_has_the_role(place, issued):
    browser = Client()
    answer = browser.post(f"/invitations/{issued.token}/", ACCOUNT)
    bea = User.objects.get(username="bea")
    assert (str(bea), bea.email) == ("Bea Bauer", "bea@example.com")
    assert place.role_of(bea) == ("contributor", "")
    assert browser.get(answer.headers["Location"], follow=True).status_code == 200
    event = AuditEvent.objects.get(action="accept invitation")
    assert (event.actor, event.changes) == (bea, {"role": [None, "contributor"]})


@pytest.mark.parametrize("wrong", [{"password": "123"}, {"username": "ada"}, {"name": ""}])
def test_a_wrong_account_is_not_made_and_the_link_stays_good(place, issued, wrong):
    answer = Client().post(f"/invitations/{issued.token}/", ACCOUNT | wrong)
    assert answer.status_code == 422
    assert not User.objects.filter(email="bea@example.com").exists()
    assert page(issued.token).status_code == 200


def test_the_invited_address_cannot_be_exchanged(issued):
    Client().post(f"/invitations/{issued.token}/", ACCOUNT | {"email": "ada@example.com"})
    assert User.objects.get(username="bea").email == "bea@example.com"


def test_without_passwords_the_page_leads_to_single_sign_on(issued, settings):
    settings.LOCAL_LOGIN = False
    assert "Log in to accept" in text_of(page(issued.token))
    assert Client().post(f"/invitations/{issued.token}/", ACCOUNT).status_code == 200
    assert not User.objects.filter(username="bea").exists()


def test_who_is_signed_in_accepts_as_themselves(place, issued):
    cid = make_user("cid")
    browser = client_of(cid)
    assert "Accept as cid" in text_of(page(issued.token, browser))
    answer = browser.post(f"/invitations/{issued.token}/")
    assert answer.headers["Location"] == f"/e/{place.environment.slug}/"
    assert place.role_of(cid) == ("contributor", "")


def test_who_has_an_account_comes_back_after_the_log_in(place, issued):
    make_user("cid")
    body = {"login": "cid", "password": "cid", "next": f"/invitations/{issued.token}/"}
    answer = Client().post("/login/", body, follow=True)
    assert "Accept as cid" in text_of(answer)


@pytest.mark.parametrize(
    ("has", "gets"),
    [(Role.ADMINISTRATOR, "administrator"), (Role.CONTRIBUTOR, "contributor"), (Role.VIEWER, "contributor")],
)
def test_accepting_never_lowers_a_role(place, issued, has, gets):
    cid = place.member("cid", has)
    assert "You keep the higher of the two" in text_of(page(issued.token, client_of(cid)))
    accept(issued.token, cid)
    assert place.role_of(cid) == (gets, "")


# Links that are not good


def used(issued, place):
    accept(issued.token, make_user())


def expired(issued, place):
    Invitation.objects.update(expires_at=timezone.now())


def withdrawn(issued, place):
    invitations.withdraw(issued.invitation, by=place.ada)


def renewed(issued, place):
    invitations.renew(issued.invitation, by=place.ada)


def inviter_removed(issued, place):
    place.member("bob", Role.ADMINISTRATOR)
    actions.remove(RoleAssignment.objects.get(user=place.ada), by=None)


def inviter_demoted(issued, place):
    place.member("bob", Role.ADMINISTRATOR)
    actions.give(place.environment, place.ada, Role.VIEWER, by=None)


def inviter_off(issued, place):
    User.objects.filter(pk=place.ada.pk).update(is_active=False)


ENDS = (used, expired, withdrawn, renewed, inviter_removed, inviter_demoted, inviter_off)


@pytest.mark.parametrize("end", ENDS)
def test_a_link_that_is_over_shows_the_same_page_as_an_unknown_one(place, issued, end):
    end(issued, place)
    unknown, over = page("x" * 43), page(issued.token)
    assert unknown.status_code == over.status_code == 404
    assert re.sub("nonce-[^']*", "", unknown.content.decode()) == re.sub("nonce-[^']*", "", over.content.decode())


@pytest.mark.parametrize("end", ENDS)
def test_a_link_that_is_over_gives_nothing(place, issued, end):
    end(issued, place)
    cid = make_user("cid")
    assert client_of(cid).post(f"/invitations/{issued.token}/").status_code == 404
    assert Client().post(f"/invitations/{issued.token}/", ACCOUNT).status_code == 404
    assert place.role_of(cid) is None
    assert not User.objects.filter(username="bea").exists()


def test_a_link_works_once(place, issued):
    accept(issued.token, make_user())
    with pytest.raises(NoInvitationError):
        accept(issued.token, make_user())


# Its list


def test_open_invitations_are_listed_with_who_and_role(place, issued):
    text = text_of(place.browser.get(place.url("invitations")))
    assert "bea@example.com" in text
    accept(issued.token, make_user())
    assert "bea@example.com" not in text_of(place.browser.get(place.url("invitations")))


@pytest.mark.parametrize("key", ["email", "role", "invited_by", "created", "expires"])
def test_invitations_sort_by_each_column(place, issued, key):
    invite(place.environment, "abe@example.com", Role.ADMINISTRATOR, days=30, by=place.member("bob", "administrator"))

    def shown(sort):
        return [one.email for one in place.browser.get(place.url("invitations"), {"sort": sort}).context_data["page"]]

    assert shown(key) == shown(f"-{key}")[::-1]


def test_a_new_link_takes_the_place_of_the_old(place, issued):
    Invitation.objects.update(
        expires_at=timezone.now() - timedelta(days=1), created_at=timezone.now() - timedelta(days=8)
    )
    text = text_of(place.post("renew", pk=issued.invitation.pk))
    token = re.search(r"/invitations/([\w-]{43})/", text)[1]
    assert page(issued.token).status_code == 404
    assert page(token).status_code == 200
    assert timedelta(days=6) < Invitation.objects.get().expires_at - timezone.now() <= timedelta(days=7)


def test_withdrawing_asks_first(place, issued):
    assert "will stop working" in text_of(place.browser.get(place.url("withdraw", pk=issued.invitation.pk)))
    assert place.post("withdraw", pk=issued.invitation.pk).status_code == 204
    assert not Invitation.objects.exists()
    assert AuditEvent.objects.filter(action="withdraw invitation", actor=place.ada).exists()


@pytest.mark.parametrize("name", ["renew", "withdraw"])
def test_invitations_of_another_environment_and_used_ones_are_not_found(place, issued, name):
    other = make_environment()
    foreign = invite(other, "x@example.com", Role.VIEWER, days=1, by=make_member(other))
    assert place.post(name, pk=foreign.invitation.pk).status_code == 404
    accept(issued.token, make_user())
    assert place.post(name, pk=issued.invitation.pk).status_code == 404


@pytest.mark.parametrize(("body", "status"), [({}, 422), (None, 404)], ids=["refused", "unknown"])
def test_no_log_holds_a_token(issued, body, status):
    config = logging.config.BaseConfigurator(settings.LOGGING)
    handler = logging.StreamHandler(io.StringIO())
    for name in settings.LOGGING["handlers"]["console"]["filters"]:
        handler.addFilter(config.resolve(settings.LOGGING["filters"][name]["()"])())
    logging.getLogger().addHandler(handler)
    token = issued.token if body is not None else "y" * 43
    try:
        assert Client().post(f"/invitations/{token}/", body or {}).status_code == status
    finally:
        logging.getLogger().removeHandler(handler)
        said = handler.stream.getvalue()
    assert token not in said
    assert "/invitations/…" in said


def test_the_database_holds_no_token(place):
    answer = place.post("add", {"person": "bea@example.com", "role": "viewer", "then": "invite"})
    token = re.search(r"/invitations/([\w-]{43})/", text_of(answer))[1]
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM roles_invitation t")
        assert token not in cursor.fetchone()[0]
