"""Django admin is the support desk: staff read everything but secrets, and change nothing past the actions."""

import pytest
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Schedule, Success

from connections.models import Connection
from exports.models import (
    Alert,
    AlertChannel,
    AlertDelivery,
    AlertsSeen,
    AudienceContainer,
    RateBudget,
    RefreshPart,
    RefreshSchedule,
    RunLine,
    SystemRefresh,
)
from exports.models import Schedule as ExportSchedule
from roles.desk.read_only import ReadOnlyAdmin
from roles.models import (
    AuditEvent,
    GroupMembership,
    GroupRole,
    Heartbeat,
    Invitation,
    KeyInUse,
    RoleAssignment,
    StrangeMachine,
    Tries,
    User,
)
from tests.factories import client_of
from tests.roles.desk.staff import act, make_staff, page_of, pages
from tests.roles.world import SECRET

NEVER_THERE = (Session, Group, Schedule, EmailConfirmation, SocialApp, SocialToken)
OURS = ("roles", "segments", "connections", "exports")
ONLY_WITHIN = {"ExportSegment", "ExportTable"}  # shown with their export
HIDDEN = {
    "a session's key": "plantedsessionkey",
    "a second factor": "PLANTEDTOTP",
    "a token's hash": "plantedtokenhash",
    "a password's hash": "plantedpasswordhash",
    "a stored secret": "plantedciphertext",
    "what a provider said": "plantedclaim",
    "a task's payload": "plantedpayload",
}


@pytest.fixture
def staff(world):
    return client_of(make_staff())


@pytest.fixture
def superuser(world):
    return client_of(User.objects.create_superuser("root", password="root"))


@pytest.fixture
def planted(world):
    """One row of everything, with what must not be shown in it."""
    user = make_staff(username="planted")
    User.objects.filter(pk=user.pk).update(password=HIDDEN["a password's hash"])
    key = HIDDEN["a session's key"]
    UserSession.objects.create(user=user, ip="127.0.0.1", session_key=key, user_agent="Browser")
    Authenticator.objects.create(user=user, type="totp", data={"secret": HIDDEN["a second factor"]})
    EmailAddress.objects.create(user=user, email="planted@example.com")
    SocialAccount.objects.create(user=user, provider="oidc", uid="1", extra_data={"x": HIDDEN["what a provider said"]})
    values = {"environment": world.mine.environment, "role": "viewer"}
    token = HIDDEN["a token's hash"]
    Invitation.objects.create(email="new@example.com", token_sha256=token, expires_at=timezone.now(), **values)
    GroupRole.objects.create(group="readers", **values)
    GroupMembership.objects.create(user=user, group="readers")
    Heartbeat.objects.create(kind="exports", host="h", pid=1)
    KeyInUse.objects.create(kind="secrets", fingerprint="0123456789abcdef")
    StrangeMachine.objects.create(host="h", place="/var/lib/waybill")
    Tries.objects.create(
        key=f"account:{user.pk}:password", number=1, free_at=timezone.now(), forgotten_at=timezone.now()
    )
    plant_what_happens_by_itself(world, user)
    Connection.objects.filter(pk=world.mine.connection.pk).update(encrypted_secrets=HIDDEN["a stored secret"])
    payload = HIDDEN["a task's payload"]
    OrmQ.objects.create(key="exports", payload=payload, lock=timezone.now())
    now = timezone.now()
    done = {"name": "n", "func": "f", "args": payload, "result": payload, "started": now, "stopped": now}
    Success.objects.create(id="1" * 32, success=True, **done)
    Failure.objects.create(id="2" * 32, success=False, **done)
    return user


def plant_what_happens_by_itself(world, user):
    environment, export, run = world.mine.environment, world.mine.export, world.mine.run
    RunLine.objects.create(run=run, text="Claimed")
    ExportSchedule.objects.create(export=export)
    RefreshSchedule.objects.create(environment=environment)
    refresh = SystemRefresh.objects.create(environment=environment, trigger="person")
    RefreshPart.objects.create(refresh=refresh, position=1, kind="table", object_id=1, name="Customers")
    secret = HIDDEN["a stored secret"]
    channel = AlertChannel.objects.create(
        environment=environment, name="Hook", kind="webhook", encrypted_secrets=secret
    )
    alert = Alert.objects.create(environment=environment, export=export, kind="late", text="Late")
    AlertDelivery.objects.create(alert=alert, channel=channel)
    AlertsSeen.objects.create(user=user, environment=environment, seen_at=timezone.now())
    container = {"connection": world.mine.connection, "type": "fake", "account": "1", "key": "segment", "name": "Gold"}
    AudienceContainer.objects.create(environment=environment, sealed_key=secret, **container)
    RateBudget.objects.create(scope="fake account:1/calls 2/60")


# Who and what


def test_only_pages_made_for_support_are_there():
    assert all(isinstance(page, ReadOnlyAdmin) for page in admin.site._registry.values())
    assert not set(NEVER_THERE) & set(admin.site._registry)


def test_every_model_of_ours_has_a_page():
    models = {model for app in OURS for model in apps.get_app_config(app).get_models()}
    assert {model.__name__ for model in models - set(admin.site._registry)} == ONLY_WITHIN


def test_every_page_states_its_fields_and_can_be_searched():
    for model, page in admin.site._registry.items():
        assert page.search_fields, model
        assert page.fields or model is User, model


@pytest.mark.parametrize("person", ["staff", pytest.param("superuser", marks=pytest.mark.long)])
def test_they_read_every_page_and_find_no_secret_on_any(request, planted, person):
    client, seen = request.getfixturevalue(person), ""
    for url in pages():
        answer = client.get(url)
        assert answer.status_code == 200, url
        seen += answer.content.decode()
    for name, value in (HIDDEN | {"the secret": SECRET}).items():
        assert value not in seen, name
    assert "planted@example.com" in seen


@pytest.mark.long
def test_every_list_is_searched_by_words_and_by_ids(staff, planted, world):
    for model in admin.site._registry:
        for text in ("planted", "1", str(world.mine.run.uuid), "%", "x" * 300, "99999999999999999999"):
            assert staff.get(page_of(model, q=text)).status_code == 200, (model, text)


def test_a_run_is_found_by_its_id_and_by_the_first_letters_that_the_portal_shows(staff, world):
    for text in (str(world.mine.run.uuid), world.mine.run.short_id, str(world.mine.run.pk)):
        assert world.mine.export.name in staff.get(page_of(type(world.mine.run), q=text)).content.decode()


# Nothing is changed, nothing told by filters


@pytest.mark.parametrize("person", ["staff", pytest.param("superuser", marks=pytest.mark.long)])
def test_nothing_is_added_changed_or_removed(request, planted, person):
    client = request.getfixturevalue(person)
    for model in admin.site._registry:
        if person == "superuser" and model is User:
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        pk = model._default_manager.values_list("pk", flat=True).first()
        before = list(model._default_manager.order_by("pk").values())
        assert client.post(reverse(f"{name}_add"), {}).status_code == 403
        assert client.post(page_of(model, pk), {"name": "x"}).status_code == 403
        assert client.post(reverse(f"{name}_delete", args=[quote(pk)]), {"post": "yes"}).status_code == 403
        act(client, model, "delete_selected", model._default_manager.get(pk=pk))
        assert list(model._default_manager.order_by("pk").values()) == before, model


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (Connection, "encrypted_secrets__startswith"),
        (Connection, "created_by__password__startswith"),
        (User, "password__startswith"),
        (Invitation, "token_sha256__startswith"),
        (UserSession, "session_key__startswith"),
        (Authenticator, "data__secret__startswith"),
        (RoleAssignment, "user__password__startswith"),
        (OrmQ, "payload__contains"),
        (AudienceContainer, "sealed_key__startswith"),
    ],
)
def test_no_filter_by_address_tells_a_hidden_value_letter_by_letter(staff, planted, model, lookup):
    assert staff.get(page_of(model, **{lookup: "p"})).status_code == 400


def test_the_filters_that_are_offered_work(staff, world):
    found = staff.get(page_of(Connection, environment__id__exact=world.mine.environment.pk))
    assert "Partner" in found.content.decode()
    assert staff.get(page_of(User, is_active__exact=1)).status_code == 200


def test_staff_lose_the_desk_with_the_flag(staff):
    User.objects.filter(username="sue").update(is_staff=False)
    assert staff.get(reverse("admin:index")).status_code == 302


# Accounts


def test_a_superuser_makes_an_account_and_the_audit_log_has_it_without_the_password(superuser):
    body = {"username": "first", "usable_password": "true", "password1": "Corr3ct-horse", "password2": "Corr3ct-horse"}
    assert superuser.post(reverse("admin:roles_user_add"), body).status_code == 302
    event = AuditEvent.objects.get(action="create account", object_name="first")
    assert event.actor_name == "root"
    assert "Corr3ct" not in str(AuditEvent.objects.values())


def test_a_superuser_changes_rights_and_the_audit_log_has_before_and_after(superuser, world):
    vera = world.users["viewer"]
    body = {"username": vera.username, "email": "new@example.com", "is_active": "on", "is_staff": "on"}
    assert superuser.post(page_of(User, vera.pk), body | management_form()).status_code == 302
    event = AuditEvent.objects.get(action="change account")
    assert event.changes == {"email": ["", "new@example.com"], "is_staff": [False, True]}


def test_a_superuser_sets_a_password_which_ends_the_sessions_and_is_audited(superuser, world):
    vera, theirs = world.users["viewer"], world.client("viewer")
    body = {"usable_password": "true", "password1": "Corr3ct-horse", "password2": "Corr3ct-horse"}
    url = reverse("admin:auth_user_password_change", args=[vera.pk])
    assert superuser.post(url, body).status_code == 302
    assert AuditEvent.objects.get(action="change password").object_id == str(vera.pk)
    assert theirs.get(world.mine.url("exports:list")).status_code == 302


def test_staff_set_no_password(staff, world):
    url = reverse("admin:auth_user_password_change", args=[world.users["viewer"].pk])
    assert staff.post(url, {"password1": "a", "password2": "a"}).status_code == 403


def test_sessions_of_a_person_are_ended_and_no_other_s(staff, world):
    theirs, others = [world.client("viewer"), client_of(world.users["viewer"])], world.client("contributor")
    answer = act(staff, User, "end_sessions", world.users["viewer"])
    assert "2 sessions ended." in answer.content.decode()
    assert [client.get(world.mine.url("exports:list")).status_code for client in theirs] == [302, 302]
    assert others.get(world.mine.url("exports:list")).status_code == 200
    assert AuditEvent.objects.get(action="end sessions").changes == {"sessions": 2}


def test_an_account_is_switched_off_and_on_again(staff, world):
    theirs, vera = world.client("viewer"), world.users["viewer"]
    act(staff, User, "deactivate", vera)
    assert theirs.get(world.mine.url("exports:list")).status_code == 302
    act(staff, User, "activate", vera)
    assert User.objects.get(pk=vera.pk).is_active
    assert theirs.get(world.mine.url("exports:list")).status_code == 302
    switched = AuditEvent.objects.filter(action__in=["deactivate", "activate"]).order_by("pk")
    assert [(one.action, one.object_id, one.actor_name) for one in switched] == [
        ("deactivate", str(vera.pk), "sue"),
        ("activate", str(vera.pk), "sue"),
    ]


def test_staff_switch_off_neither_a_superuser_nor_themselves(staff):
    root, sue = User.objects.create_superuser("root", password="root"), User.objects.get(username="sue")
    answer = act(staff, User, "deactivate", root, sue)
    assert "only a superuser can switch a superuser" in answer.content.decode()
    assert "Your own account was left out." in answer.content.decode()
    assert User.objects.filter(pk__in=[root.pk, sue.pk], is_active=True).count() == 2


def management_form():
    """Return what Django's page of a user sends for its lists of roles, none of which can be changed."""
    return {"role_assignments-TOTAL_FORMS": "0", "role_assignments-INITIAL_FORMS": "0"}
