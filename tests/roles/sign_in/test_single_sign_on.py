"""Single sign-on against a real provider: who gets in, as whom, with which role."""

import re
from threading import Thread

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.db import connection
from django.test import Client

from roles.models import AuditEvent, GroupMembership, GroupRole, RoleAssignment, User
from roles.roles import Role
from tests.factories import client_of, make_environment, make_member, make_user
from tests.roles.sign_in.single_sign_on import come_back, is_signed_in, leave, set_up
from tests.servers.oidc_mock import running_provider

pytestmark = pytest.mark.django_db
ADA = {
    "preferred_username": "ada",
    "name": "Ada Lovelace",
    "given_name": "Ada",
    "family_name": "Lovelace",
    "email": "Ada@Example.com",
    "email_verified": True,
    "groups": ["marketing", "everybody"],
}


@pytest.fixture(scope="module")
def running():
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running, monkeypatch):
    set_up(monkeypatch, running.issuer)
    running.knows("subject-1", **ADA)
    return running


@pytest.fixture
def environment():
    return make_environment("contoso")


def sign_in(provider, sub="subject-1", next_url=""):
    """Go through all of it; return the browser and the last answer."""
    client = Client()
    return client, come_back(client, provider.approve(leave(client, next_url), sub))


def role_of(user, environment):
    return RoleAssignment.objects.filter(user=user, environment=environment).values_list("role", flat=True).first()


def test_a_first_sign_in_makes_the_account_with_the_role_of_its_group(provider, environment):
    GroupRole.objects.create(environment=environment, group="marketing", role=Role.CONTRIBUTOR)
    client, answer = sign_in(provider)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    user = User.objects.get()
    assert (user.username, user.get_full_name(), user.email) == ("ada", "Ada Lovelace", "ada@example.com")
    assert not user.has_usable_password()
    assert not user.is_staff
    assert role_of(user, environment) == Role.CONTRIBUTOR
    assert set(GroupMembership.objects.values_list("group", flat=True)) == {"marketing", "everybody"}
    assert client.get("/e/contoso/exports/").status_code == 200


def test_nothing_of_the_provider_is_kept_but_what_the_account_shows(provider):
    sign_in(provider)
    account = SocialAccount.objects.get()
    assert (account.provider, account.uid, account.extra_data) == (provider.issuer, "subject-1", {})
    assert not SocialToken.objects.exists()


def test_the_account_and_its_role_are_in_the_audit_log(provider, environment):
    GroupRole.objects.create(environment=environment, group="marketing", role=Role.VIEWER)
    sign_in(provider)
    assert {"create account", "give role by group"} <= set(AuditEvent.objects.values_list("action", flat=True))


def test_the_second_sign_in_finds_the_account_again_whatever_its_name_is_now(provider):
    sign_in(provider)
    provider.knows("subject-1", **ADA | {"preferred_username": "countess", "family_name": "King", "email": "k@x.org"})
    sign_in(provider)
    user = User.objects.get()
    assert (user.username, user.get_full_name(), user.email) == ("ada", "Ada King", "k@x.org")
    assert EmailAddress.objects.get().email == "k@x.org"
    changes = {"last_name": ["Lovelace", "King"], "email": ["ada@example.com", "k@x.org"]}
    assert AuditEvent.objects.get(action="follow provider").changes == changes


def test_a_change_of_groups_changes_the_role_at_the_next_sign_in(provider, environment):
    GroupRole.objects.create(environment=environment, group="marketing", role=Role.CONTRIBUTOR)
    GroupRole.objects.create(environment=environment, group="admins", role=Role.ADMINISTRATOR)
    client, _answer = sign_in(provider)
    user = User.objects.get()
    provider.knows("subject-1", **ADA | {"groups": "admins"})
    sign_in(provider)
    assert role_of(user, environment) == Role.ADMINISTRATOR
    provider.knows("subject-1", **{name: value for name, value in ADA.items() if name != "groups"})
    sign_in(provider)
    assert role_of(user, environment) is None
    assert client.get("/e/contoso/exports/").status_code == 404


def test_a_role_of_ones_own_wins(provider, environment):
    GroupRole.objects.create(environment=environment, group="marketing", role=Role.ADMINISTRATOR)
    sign_in(provider)
    user = User.objects.get()
    RoleAssignment.objects.update(role=Role.VIEWER, group="")
    sign_in(provider)
    assert role_of(user, environment) == Role.VIEWER


def test_the_groups_may_be_in_another_claim(running, monkeypatch, environment, settings):
    set_up(monkeypatch, running.issuer, GROUPS_CLAIM="https://contoso.example/teams")
    settings.GROUP_ROLES = [("admins", "*", "administrator")]
    running.knows("subject-2", **{"https://contoso.example/teams": ["admins"]})
    sign_in(running, "subject-2")
    assert role_of(User.objects.get(), environment) == Role.ADMINISTRATOR


def test_without_any_role_the_page_says_whom_to_ask(provider):
    client, _answer = sign_in(provider)
    page = client.get("/")
    assert page.status_code == 403
    assert "You are logged in as ada" in page.content.decode()
    assert "Ask an administrator" in page.content.decode()


@pytest.mark.parametrize(
    ("next_url", "leads_to"),
    [
        ("/e/contoso/exports/?q=a", "/e/contoso/exports/?q=a"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_the_sign_in_leads_to_the_next_page_if_it_is_ours(provider, next_url, leads_to):
    _client, answer = sign_in(provider, next_url=next_url)
    assert answer.headers["Location"] == leads_to


def test_the_log_in_page_offers_it_and_hands_on_the_next_page(provider, client):
    page = client.get("/login/?next=/e/contoso/exports/").content.decode()
    form = re.search(r'<form[^>]*action="/login/sso/">.*?</form>', page, re.DOTALL)[0]
    assert "Continue with Contoso" in form
    assert 'name="next" value="/e/contoso/exports/"' in form
    assert page.index("Continue with Contoso") < page.index('name="password"')


def test_a_sign_in_is_never_begun_by_a_link(provider, client):
    assert client.get("/login/sso/").status_code == 405


def test_a_foreign_page_cannot_begin_a_sign_in(provider):
    assert Client(enforce_csrf_checks=True).post("/login/sso/").status_code == 403


def test_whoever_is_signed_in_goes_on_at_once(provider, environment):
    client = client_of(make_member(environment))
    answer = client.post("/login/sso/", {"next": "/e/contoso/exports/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/e/contoso/exports/")


def test_without_single_sign_on_there_is_nothing(client):
    assert "Continue with" not in client.get("/login/").content.decode()
    assert client.post("/login/sso/").status_code == 404
    assert client.get("/login/sso/callback/?code=a&state=b").status_code == 404


def test_whoever_is_denied_is_told_in_a_page_of_ours(provider, client):
    page = come_back(client, provider.deny(leave(client)))
    assert page.status_code == 403
    assert "denied access" in page.content.decode()
    assert not is_signed_in(client)
    assert not User.objects.exists()


@pytest.mark.parametrize("state", ["", "unknown", "\0"])
def test_an_answer_that_nobody_asked_for_is_refused(provider, client, state):
    address = provider.approve(leave(Client()), "subject-1")
    code = re.search("code=([^&]+)", address)[1]
    page = client.get("/login/sso/callback/", {"code": code, "state": state})
    assert page.status_code == 400
    assert "Log in again." in page.content.decode()
    assert not is_signed_in(client)


def test_an_answer_cannot_be_used_in_another_browser_or_twice(provider, client):
    address = provider.approve(leave(client), "subject-1")
    assert come_back(Client(), address).status_code == 400
    assert come_back(client, address).status_code == 302
    client.logout()
    assert come_back(client, address).status_code == 400


def test_an_address_of_another_account_is_not_taken_over(provider):
    owner = make_user("local", email="ADA@example.com")
    client, page = sign_in(provider)
    assert page.status_code == 403
    assert "Another Waybill account uses your e-mail address, ada@example.com." in page.content.decode()
    assert list(User.objects.all()) == [owner]
    assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()


def test_a_user_name_of_another_account_is_left_to_it(provider):
    make_user("Ada")
    sign_in(provider)
    assert User.objects.get(email="ada@example.com").username == "ada@example.com"


@pytest.mark.parametrize(
    ("claims", "username"),
    [
        ({}, "user"),
        ({"preferred_username": "ada king <script>"}, "ada-king-script"),
        ({"preferred_username": ["ada"], "name": 7, "email": {"a": 1}}, "user"),
        ({"preferred_username": "x" * 500, "given_name": "y" * 500, "email": "not an address"}, "x" * 140),
    ],
)
def test_odd_claims_still_make_an_account(provider, claims, username):
    provider.knows("odd", **claims)
    _client, answer = sign_in(provider, "odd")
    assert answer.status_code == 302
    assert User.objects.get().username == username


def test_user_names_get_a_number_when_all_are_taken(provider):
    for number in range(3):
        provider.knows(f"same-{number}", preferred_username="ada")
        sign_in(provider, f"same-{number}")
    assert sorted(User.objects.values_list("username", flat=True)) == ["ada", "ada-2", "ada-3"]


@pytest.mark.parametrize(
    ("preferred", "email", "username"),
    [
        ("\u0430da", "eve@example.com", "eve@example.com"),
        ("\uff41\uff44\uff41", "eve@example.com", "eve@example.com"),
        ("\u0430da", "", "user"),
        ("\uff41\uff44\uff41", "", "ada-2"),
        ("ad\u202ea", "", "ada-2"),
        ("jose\u0301", "", "jos\u00e9"),
    ],
)
def test_a_user_name_that_looks_like_anothers_is_not_taken_from_the_provider(provider, preferred, email, username):
    make_user("ada")
    provider.knows("odd", preferred_username=preferred, email=email)
    sign_in(provider, "odd")
    assert User.objects.get(socialaccount__uid="odd").username == username


def test_names_and_addresses_of_the_provider_are_kept_as_they_can_be_seen(provider):
    odd = {"given_name": "Jose\u0301\n\u202e", "family_name": "\u200bKing\u2028II", "email": "a@exa\u200bmple.com"}
    provider.knows("odd", preferred_username="jose", groups=["a\u202eb", "cafe\u0301"], **odd)
    sign_in(provider, "odd")
    user = User.objects.get(socialaccount__uid="odd")
    assert (user.first_name, user.last_name, user.email) == ("José", "King II", "")
    assert [one.group for one in user.group_memberships.all()] == ["café"]


def test_a_user_name_that_is_somebodys_address_is_left_to_them(provider):
    make_user("grace", email="grace@example.com")
    provider.knows("odd", preferred_username="Grace@example.com")
    sign_in(provider, "odd")
    assert User.objects.get(socialaccount__uid="odd").username == "Grace-2"


def test_a_user_name_that_looks_like_an_address_is_taken_only_where_it_is_the_persons_own(provider):
    provider.knows("early", preferred_username="boss@example.com", email="early@example.com")
    sign_in(provider, "early")
    provider.knows("own", preferred_username="own@example.com", email="own@example.com")
    sign_in(provider, "own")
    assert set(User.objects.values_list("username", flat=True)) == {"boss", "own@example.com"}


def test_an_address_that_may_be_anothers_is_not_kept(provider):
    make_user("local", email="ada@example.com")
    provider.knows("subject-1", **ADA | {"email_verified": False})
    _client, answer = sign_in(provider)
    assert answer.status_code == 302
    assert User.objects.get(username="ada").email == ""


@pytest.mark.django_db(transaction=True)
def test_two_first_sign_ins_at_the_same_time_make_one_account(provider):
    def finish(browser, address):
        answers.append(come_back(browser, address).status_code)
        connection.close()

    browsers, answers = [Client() for _n in range(4)], []
    addresses = [provider.approve(leave(browser), "subject-1") for browser in browsers]
    threads = [Thread(target=finish, args=pair) for pair in zip(browsers, addresses, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [302] * 4
    assert User.objects.get().username == "ada"


class TestLinkingByEmail:
    @pytest.fixture(autouse=True)
    def _allowed(self, provider, monkeypatch):
        set_up(monkeypatch, provider.issuer, link_email=True)

    def test_the_account_with_a_vouched_for_address_is_the_persons(self, provider):
        owner = make_user("local", email="ada@example.com")
        before = client_of(owner)
        client, answer = sign_in(provider)
        assert answer.status_code == 302
        assert client.session["_auth_user_id"] == str(owner.pk)
        owner.refresh_from_db()
        assert not owner.has_usable_password()
        assert before.get("/").headers["Location"].startswith("/login/"), "whoever knew the password is out"
        assert AuditEvent.objects.filter(action="link account").exists()

    @pytest.mark.parametrize("verified", [None, False, "yes", 1])
    def test_an_address_that_nobody_vouches_for_is_not_enough(self, provider, verified):
        owner = make_user("local", email="ada@example.com")
        provider.knows("subject-1", **ADA | {"email_verified": verified})
        sign_in(provider)
        assert not SocialAccount.objects.filter(user=owner).exists()

    def test_operators_accounts_stay_local(self, provider):
        make_user("root", email="ada@example.com", is_staff=True)
        assert sign_in(provider)[1].status_code == 403

    def test_two_accounts_with_the_address_are_nobodys(self, provider):
        make_user("one", email="ada@example.com")
        make_user("two", email="ada@example.com")
        assert sign_in(provider)[1].status_code == 403

    def test_an_account_has_one_person_at_the_provider(self, provider):
        make_user("local", email="ada@example.com")
        sign_in(provider)
        provider.knows("subject-3", **ADA)
        _client, page = sign_in(provider, "subject-3")
        assert page.status_code == 403
        assert "belongs to another person" in page.content.decode()

    def test_a_deactivated_account_is_not_linked(self, provider):
        make_user("local", email="ada@example.com", is_active=False)
        assert "switched off" in sign_in(provider)[1].content.decode()
        assert not SocialAccount.objects.exists()


def test_a_deactivated_account_stays_out(provider, environment):
    GroupRole.objects.create(environment=environment, group="admins", role=Role.ADMINISTRATOR)
    sign_in(provider)
    User.objects.update(is_active=False)
    provider.knows("subject-1", **ADA | {"groups": ["admins"]})
    client, page = sign_in(provider)
    assert page.status_code == 403
    assert "switched off" in page.content.decode()
    assert not is_signed_in(client)
    assert not RoleAssignment.objects.exists(), "nothing half done"


def test_signing_in_as_somebody_else_ends_the_first_session(provider):
    client, _answer = sign_in(provider)
    client.logout()
    address = provider.approve(leave(client), "subject-4")
    client.force_login(User.objects.get())
    come_back(client, address)
    assert client.session["_auth_user_id"] == str(User.objects.get(socialaccount__uid="subject-4").pk)


def test_the_same_subject_of_another_issuer_is_another_person(provider, monkeypatch):
    sign_in(provider)
    with running_provider() as other:
        set_up(monkeypatch, other.issuer)
        other.knows("subject-1", preferred_username="ada")
        sign_in(other)
    assert sorted(User.objects.values_list("username", flat=True)) == ["ada", "ada-2"]


class TestWithoutLocalLogin:
    @pytest.fixture(autouse=True)
    def _off(self, provider, settings):
        settings.LOCAL_LOGIN = False

    def test_a_password_lets_only_operators_in(self, client):
        make_user("carl")
        make_user("root", is_staff=True)
        assert (
            "Wrong user name or password."
            in client.post("/login/", {"login": "carl", "password": "carl"}).content.decode()
        )
        assert client.post("/login/", {"login": "root", "password": "root"}).status_code == 302

    def test_the_form_is_folded_away(self, client):
        page = client.get("/login/").content.decode()
        assert page.index("Continue with Contoso") < page.index("<details") < page.index('name="password"')

    def test_single_sign_on_lets_in_and_stays_in(self, provider):
        client, _answer = sign_in(provider)
        assert client.get("/").status_code == 403, "no environment, but signed in"
