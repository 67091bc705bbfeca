"""Settings > Alerts and the bell, as each role sees them."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from exports.alerts.bell import bell_of
from exports.alerts.channels import signing
from exports.alerts.outbox import send_waiting
from exports.models import Alert, AlertChannel, AlertDelivery, AlertsSeen
from roles.access.policy import access_of
from roles.models import AuditEvent, User
from roles.roles import Role
from tests.factories import client_of, make_export, make_member
from tests.servers.webhook import running_receiver

pytestmark = pytest.mark.django_db(transaction=True)
MOMENT = datetime(2026, 3, 2, tzinfo=UTC)
PANEL = {"HX-Request": "true", "HX-Target": "panel"}


@pytest.fixture
def ada(environment):
    return make_member(environment, username="ada")


@pytest.fixture
def admin(ada):
    return client_of(ada)


@pytest.fixture
def viewer(environment):
    return client_of(make_member(environment, Role.VIEWER, "vera"))


@pytest.fixture
def receiver():
    with running_receiver() as server:
        yield server


@pytest.fixture
def url(environment):
    return lambda name, **kwargs: reverse(f"alerts:{name}", kwargs={"environment": environment.slug, **kwargs})


def typed(**values):
    return {"name": "Operations", "kinds": ["failed", "held"], "scope": "all", "tells_recovery": "on"} | values


def text_of(response) -> str:
    return response.content.decode()


def test_a_webhook_is_added_and_its_secret_shown_once(admin, url, receiver):
    answer = admin.post(url("set_up", kind="webhook"), typed(url=receiver.url), headers=PANEL)
    secret = answer.context_data["secret"]
    assert secret in text_of(answer)
    channel = AlertChannel.objects.get()
    assert channel.secrets == {"url": receiver.url, "signing": secret}
    for page in (url("edit", pk=channel.pk), url("channels"), url("test", pk=channel.pk)):
        assert secret not in text_of(admin.get(page))
        assert "planted-path" not in text_of(admin.get(page))


def test_a_test_is_sent_in_the_background_and_its_result_shown(admin, url, receiver):
    secret = signing.new_secret()
    admin.post(url("set_up", kind="webhook"), typed(url=receiver.url, signing=secret))
    page = url("test", pk=AlertChannel.objects.get().pk)
    assert "Sending…" in text_of(admin.post(page, headers=PANEL))
    poll = {"HX-Request": "true", "HX-Target": "test-state"}
    assert admin.get(f"{page}?shown=waiting%200", headers=poll).status_code == 204
    send_waiting()
    assert "The test was delivered" in text_of(admin.get(f"{page}?shown=waiting%200", headers=poll))
    assert receiver.got[0].verified_with(secret)["type"] == "alert.test"
    receiver.behaves = [500]
    admin.post(page)
    send_waiting()
    assert "The receiver answered 500." in text_of(admin.get(page))
    assert AlertDelivery.objects.filter(state="waiting").count() == 0


def test_secrets_that_are_left_empty_stay_and_never_come_back(admin, url, receiver):
    admin.post(url("set_up", kind="slack"), typed(url=receiver.url))
    channel = AlertChannel.objects.get()
    answer = admin.post(url("edit", pk=channel.pk), typed(name="Chat"), headers=PANEL)
    assert answer.status_code == 204
    channel.refresh_from_db()
    assert (channel.name, channel.secrets["url"]) == ("Chat", receiver.url)
    answer = admin.post(url("edit", pk=channel.pk), typed(name="", url="https://hooks.example.com/typed-path"))
    assert answer.status_code == 422
    assert "typed-path" not in text_of(answer)


def signing_of(channel: AlertChannel) -> str:
    channel.refresh_from_db()
    return channel.secrets["signing"]


def test_a_signing_secret_stays_with_the_server_that_it_was_made_for(admin, url):
    first = admin.post(url("set_up", kind="webhook"), typed(url="https://hooks.example.com/1")).context_data["secret"]
    channel = AlertChannel.objects.get()
    page = url("edit", pk=channel.pk)
    for same in ("https://hooks.example.com/2", "https://HOOKS.example.com:443/3"):
        admin.post(page, typed(url=same))
        assert signing_of(channel) == first
    for other in ("https://hooks.example.com:8443/", "https://elsewhere.example/", "http://elsewhere.example:443/"):
        answer = admin.post(page, typed(url=other))
        assert answer.context_data["secret"] == signing_of(channel) != first
        first = signing_of(channel)
    entered = signing.new_secret()
    admin.post(page, typed(url="https://third.example/", signing=entered))
    assert signing_of(channel) == entered


@pytest.mark.parametrize("saves", ["address, then secret", "secret, then address"])
def test_two_people_change_a_channel_and_no_secret_signs_for_anothers_server(admin, environment, url, saves):
    admin.post(url("set_up", kind="webhook"), typed(url="https://hooks.example.com/1"))
    channel = AlertChannel.objects.get()
    page, other, entered = url("edit", pk=channel.pk), client_of(make_member(environment)), signing.new_secret()
    posts = [(other, {"url": "https://elsewhere.example/"}), (admin, {"signing": entered})]
    (first, one), (second, two) = posts if saves.startswith("address") else posts[::-1]
    seen = typed(made_from=admin.made_from(page))
    assert first.post(page, seen | one).status_code in {200, 302}
    kept, answer = AlertChannel.objects.get(pk=channel.pk).secrets, second.post(page, seen | two)
    assert answer.status_code == 422
    assert not any(text in text_of(answer) for text in (entered, "elsewhere.example"))
    assert AlertChannel.objects.get(pk=channel.pk).secrets == kept
    chosen = typed(made_from=answer.context_data["edit"].made_from) | {"keep-secrets": "mine"}
    assert second.post(page, chosen).status_code == 422  # what was typed is not on the page: it is entered again
    assert second.post(page, chosen | two).status_code in {200, 302}
    assert (signing_of(channel) == entered) == saves.startswith("address")
    assert channel.secrets["url"] == "https://elsewhere.example/"


def test_a_secret_that_cannot_be_read_is_asked_for(admin, url, receiver):
    admin.post(url("set_up", kind="slack"), typed(url=receiver.url))
    AlertChannel.objects.update(encrypted_secrets="gAAAAno")
    channel = AlertChannel.objects.get()
    assert "Secret cannot be read" in text_of(admin.get(url("channels")))
    assert admin.post(url("edit", pk=channel.pk), typed()).status_code == 422
    assert admin.post(url("edit", pk=channel.pk), typed(url=receiver.url), headers=PANEL).status_code == 204
    assert AlertChannel.objects.get().secrets == {"url": receiver.url}


@pytest.mark.parametrize(
    "kind, values, said",
    [
        ("slack", {"url": ""}, "required"),
        ("slack", {"url": "hooks.example.com"}, "not a valid address"),
        ("slack", {"url": "https://user:word@hooks.example.com/"}, "not a valid address"),
        ("slack", {"url": "file:///etc/passwd"}, "secrets from files is not enabled"),
        ("webhook", {"url": "https://hooks.example.com/", "signing": "short"}, "whsec_"),
        ("slack", {"url": "https://hooks.example.com/", "kinds": []}, "at least one kind"),
        ("slack", {"url": "https://hooks.example.com/", "scope": "some"}, "at least one export"),
        ("email", {}, "at least one person"),
    ],
    ids=["no-address", "no-scheme", "password", "file", "signing", "no-kind", "no-export", "no-people"],
)
def test_what_cannot_work_is_refused(admin, url, kind, values, said):
    answer = admin.post(url("set_up", kind=kind), typed(**values), headers=PANEL)
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert not AlertChannel.objects.exists()


def test_two_channels_have_two_names(admin, url):
    for status in (204, 422):
        answer = admin.post(url("set_up", kind="slack"), typed(url="https://hooks.example.com/1"), headers=PANEL)
        assert answer.status_code == status


def test_only_people_and_exports_of_the_environment_can_be_chosen(admin, url, ada):
    from tests.factories import make_environment

    foreign = make_environment()
    stranger, export = make_member(foreign), make_export(foreign)
    assert admin.post(url("set_up", kind="email"), typed(people=[stranger.pk])).status_code == 422
    chosen = typed(people=[ada.pk], scope="some", exports=[export.pk])
    assert admin.post(url("set_up", kind="email"), chosen).status_code == 422


def test_the_audit_log_tells_it_without_the_address(admin, url, receiver):
    admin.post(url("set_up", kind="slack"), typed(url=receiver.url))
    channel = AlertChannel.objects.get()
    admin.post(url("edit", pk=channel.pk), typed(url=receiver.url + "2"))
    admin.post(url("switch", pk=channel.pk), {"on": "0"})
    admin.post(url("test", pk=channel.pk))
    admin.post(url("remove", pk=channel.pk))
    events = AuditEvent.objects.filter(object_type="alertchannel").order_by("pk")
    assert [event.action for event in events] == ["create", "change", "switch", "test", "remove"]
    assert "planted-path" not in str([event.changes for event in events])
    page = text_of(admin.get(reverse("audit:list", kwargs={"environment": channel.environment.slug})))
    assert 'ada switched the channel for alerts <strong translate="no">Operations</strong>: off' in page


def test_everybody_sees_the_alerts_and_administrators_the_channels(viewer, admin, url, goes):
    goes("failed", reason="Log in")
    for client in (viewer, admin):
        page = text_of(client.get(url("list")))
        assert "Weekly call list" in page
        assert "Log in" in page
    assert "Notification channels" not in text_of(viewer.get(url("list")))
    assert viewer.get(url("channels")).status_code == 403


def test_open_alerts_come_first_and_filters_leave_out_the_rest(viewer, url, environment, goes):
    other = make_export(environment, "Other")
    goes("skipped")
    goes("failed", of=other)
    goes("succeeded", of=other)

    def shown(query: str) -> list[str]:
        return [line.alert.kind for line in viewer.get(url("list") + query).context_data["listing"].lines]

    assert shown("") == ["skipped", "failed"]
    assert shown("?status=open") == ["skipped"]
    assert shown("?status=closed") == ["failed"]
    assert shown("?kind=failed") == ["failed"]
    assert shown(f"?export={other.pk}") == ["failed"]
    assert shown("?kind=held") == []
    assert shown("?status=x&kind=y&export=z&page=w") == ["skipped", "failed"]


def test_the_bell_counts_what_changed_since_it_was_read(viewer, url, goes):
    def unread() -> str:
        return viewer.get(url("bell")).context_data["bell"].figure

    assert "Alerts, none unread" in text_of(viewer.get(url("list")))
    goes("failed")
    goes("failed")
    assert unread() == "1"
    assert "1 unread alert" in text_of(viewer.get(url("list")))
    assert viewer.get(url("bell") + "?shown=1").status_code == 204
    panel = viewer.get(url("latest"), headers=PANEL)
    assert "Mark all as read" in text_of(panel)
    until = panel.context_data["until"]
    goes("skipped")
    viewer.post(url("seen"), {"until": until})
    assert unread() == "1"
    viewer.post(url("seen"), {"until": "nonsense"})
    assert viewer.get(url("bell") + "?shown=").status_code == 204
    goes("succeeded")
    assert unread() == "2"


def test_reading_goes_forward_only_and_is_ones_own(viewer, admin, url, goes):
    goes("failed")
    viewer.post(url("seen"), {})
    viewer.post(url("seen"), {"until": "2020-01-01T00:00:00+00:00"})
    assert viewer.get(url("bell") + "?shown=").status_code == 204
    assert admin.get(url("bell")).context_data["bell"].unread == 1
    for odd in ("0001-01-01T00:00:00+14:00", "2020-01-01T00:00:00+23:59", "9999-12-31T23:59:59-14:00"):
        assert viewer.post(url("seen"), {"until": odd}).status_code == 302
    viewer.post(url("seen"), {"until": "2999-01-01T00:00:00+00:00"})
    assert not AlertsSeen.objects.filter(seen_at__gt=Now()).exists()


def test_the_bell_counts_at_most_a_hundred_in_one_query(environment, ada, django_assert_num_queries):
    Alert.objects.bulk_create(
        Alert(environment=environment, export=make_export(environment), kind="failed", text="x", closed_at=None)
        for _ in range(2)
    )
    environment.alerts.bulk_create(
        Alert(environment=environment, kind="late", text="x", closed_at=Now()) for _ in range(150)
    )
    access = access_of(ada, environment.slug)
    with django_assert_num_queries(1):
        bell = bell_of(access)
    assert (bell.figure, bell.label) == ("99+", "99+ unread alerts")


def test_rotation_walks_channels(admin, url, receiver, tmp_path, settings):
    from roles.secrets import key_file, rotation

    path = tmp_path / "keys"
    path.write_text(key_file.new_key() + "\n")
    path.chmod(0o600)
    settings.SECRETS_KEYS, settings.SECRETS_KEYS_FILE = [], path
    admin.post(url("set_up", kind="slack"), typed(url=receiver.url))
    before = AlertChannel.objects.get().encrypted_secrets
    rotation.add_key(path)
    rotation.rotate()
    rotation.drop_old_keys(path)
    after = AlertChannel.objects.get()
    assert after.encrypted_secrets != before
    assert after.secrets == {"url": receiver.url}


def test_the_details_of_an_export_say_who_got_its_alerts_and_who_gets_the_next(viewer, environment, url, export, goes):
    """Facts come from what was sent: a channel that came later, is off or cannot send got nothing."""
    page = reverse("exports:progress", kwargs={"environment": environment.slug, "pk": export.pk})

    def said() -> str:
        return viewer.get(page).context_data["progress"].alerts.text

    assert said() == "No open alerts. Alerts show under the bell only."
    with running_receiver() as good, running_receiver() as bad:
        bad.behaves = [404]
        make_channel(environment, "Good", good)
        make_channel(environment, "Bad", bad)
        make_channel(environment, "Off", good, is_on=False)
        make_channel(environment, "Mail", kind="email")
        goes("failed")
        assert said().startswith(
            "1 open alert. Not sent yet to Bad, Good and Mail. New alerts also go to Bad and Good."
        )
        send_waiting()
        make_channel(environment, "Later", good)
        assert said() == (
            "1 open alert. Sent to Good. Not delivered to Bad and Mail. "
            "New alerts also go to Good and Later. Bad and Mail cannot send now."
        )


def make_channel(environment, name, receiver=None, **values) -> AlertChannel:
    made = AlertChannel(**{"environment": environment, "name": name, "kind": "slack", "kinds": ["failed"]} | values)
    if receiver:
        made.replace_secrets({"url": receiver.url})
    made.save()
    return made


STANDINGS = {
    "off": ({"is_on": False}, "neutral", "Off"),
    "nothing sent yet": ({}, "info", "On, not tested"),
    "sent": ({"last_sent_at": MOMENT}, "success", "On"),
    "last one refused": ({"last_sent_at": MOMENT, "last_error": "The receiver answered 404."}, "danger", "404."),
    "no address": ({"encrypted_secrets": ""}, "danger", "Cannot send"),
    "secret unreadable": ({"encrypted_secrets": "gAAAAno"}, "danger", "Secret cannot be read"),
    "variable missing": ({"secrets": {"url": "env:WAYBILL_CONNECTION_SECRET_GONE"}}, "danger", "Secret cannot be read"),
    "no mail server": ({"kind": "email", "mail": False, "people": "ada"}, "danger", "set WAYBILL_EMAIL_URL"),
    "nobody has an address": ({"kind": "email", "people": "bob"}, "danger", "No person has an e-mail address here"),
    "somebody has none": (
        {"kind": "email", "people": "ada bob", "last_sent_at": MOMENT},
        "warning",
        "bob cannot get",
    ),
    "somebody left": ({"kind": "email", "people": "ada eve", "last_sent_at": MOMENT}, "warning", "eve cannot get"),
    "all have one": ({"kind": "email", "people": "ada", "last_sent_at": MOMENT}, "success", "On"),
}


@pytest.mark.parametrize("case", STANDINGS)
def test_a_channel_that_cannot_send_is_not_green_and_says_why(admin, environment, url, settings, receiver, case):
    values, tone, said = STANDINGS[case]
    values = dict(values)
    settings.MAIL_IS_SET_UP = values.pop("mail", True)
    people, secrets = values.pop("people", "").split(), values.pop("secrets", None)
    channel = make_channel(environment, "Operations", None if "encrypted_secrets" in values else receiver, **values)
    if secrets:
        channel.replace_secrets(secrets)
        channel.save()
    for name, email in (("ada", "ada@example.com"), ("bob", ""), ("eve", "eve@example.com")):
        if name in people:
            person = User.objects.filter(username=name).first() or make_member(environment, username=name)
            User.objects.filter(pk=person.pk).update(email=email)
            channel.people.add(person)
            if name == "eve":
                person.role_assignments.all().delete()
    page = admin.get(url("channels"))
    ((_channel, standing, _missed),) = page.context_data["rows"]
    assert (standing.tone, said in f"{standing.label} {standing.reason}") == (tone, True)
    assert standing.label in text_of(page)


def test_the_list_of_channels_asks_as_much_for_many(admin, environment, url, ada):
    def count(channels: int) -> int:
        for number in range(channels):
            make_channel(environment, f"{channels} {number}", kind="email").people.add(ada)
        with CaptureQueriesContext(connection) as queries:
            admin.get(url("channels"))
        return len(queries)

    assert count(1) == count(7)


@pytest.mark.parametrize("kind, shown", [("slack", "Sending"), ("webhook", "whsec_")])
def test_save_and_test_does_both(admin, url, receiver, kind, shown):
    typed_in = typed(url=receiver.url, then="test")
    answer = admin.post(url("set_up", kind=kind), typed_in, headers=PANEL)
    assert answer.status_code == 200
    assert shown in text_of(answer)
    assert "Sending…" in text_of(answer)
    send_waiting()
    assert len(receiver.got) == 1
    assert admin.post(url("set_up", kind="teams"), typed_in | {"name": "Second"}).url.endswith("/test")


def test_people_without_an_address_are_marked_where_they_are_chosen(admin, url, environment, ada):
    bob = make_member(environment, username="bob")
    User.objects.filter(pk=ada.pk).update(email="ada@example.com")
    assert "bob (no e-mail address)" in text_of(admin.get(url("set_up", kind="email")))
    assert "ada (no" not in text_of(admin.get(url("set_up", kind="email")))
    answer = admin.post(url("set_up", kind="email"), typed(people=[bob.pk]), headers=PANEL)
    assert "None of these people has an e-mail address" in text_of(answer)
    assert admin.post(url("set_up", kind="email"), typed(people=[bob.pk, ada.pk])).status_code == 302


def test_many_people_and_exports_can_be_searched_in_the_pane(admin, url, environment):
    pane = text_of(admin.get(url("set_up", kind="email")))
    assert "data-pick-filter" not in pane
    for number in range(12):
        make_export(environment, f"Export {number}")
    make_export(environment, '=cmd(), "quoted" 😀')
    pane = text_of(admin.get(url("set_up", kind="email")))
    assert pane.count("data-pick-filter") == 1
    assert "=cmd(), &quot;quoted&quot; 😀" in pane


@pytest.mark.parametrize("is_set_up", [True, False])
def test_the_pane_of_an_e_mail_channel_says_where_nothing_can_be_mailed(admin, url, settings, is_set_up):
    settings.MAIL_IS_SET_UP = is_set_up
    assert ("E-mail is not set up" in text_of(admin.get(url("set_up", kind="email")))) is not is_set_up
    assert "E-mail is not set up" not in text_of(admin.get(url("set_up", kind="webhook")))
