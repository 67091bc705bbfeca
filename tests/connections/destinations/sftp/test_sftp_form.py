"""Setting up SFTP: the host key is shown and confirmed, secrets are replaced and never shown."""

import re

import pytest
from django.urls import reverse

from connections.destinations.sftp import keys
from connections.models import Connection
from connections.secrets import sealing
from roles.access.policy import access_of
from roles.models import AuditEvent
from tests.connections.working import work_off
from tests.factories import client_of, make_member
from tests.servers.sshd import PASSPHRASE

PASSWORD = "planted-password-7391"


def url(environment, name: str, **kwargs) -> str:
    return reverse(f"connections:{name}", kwargs={"environment": environment.slug, **kwargs})


def form_for(server, **changes) -> dict[str, str]:
    values = server.settings()
    form = {f"settings-{name}": str(values[name]) for name in ("host", "port", "username", "folder")}
    return {"name": "Partner", "sharing": "nobody", "agree": "on"} | form | changes


def hidden(text: str, name: str) -> str:
    tag = re.search(rf'<input[^>]*name="{name}"[^>]*>', text).group()
    return re.search(r'value="([^"]*)"', tag).group(1)


def confirmation(text: str) -> dict[str, str]:
    """What a browser sends back once the box is ticked: hidden fields as they came, secrets empty."""
    names = ("settings-host_key", "settings-host_key_proof", "settings-is_host_key_confirmed", "sealed")
    return {name: hidden(text, name) for name in names}


def set_up(browser, environment, server, **secrets) -> Connection:
    """Add a connection as a person would: send, compare, tick, send."""
    where, form = url(environment, "set_up", type_="sftp"), form_for(server)
    first = browser.post(where, form | {f"settings-{name}": text for name, text in secrets.items()})
    assert first.status_code == 422, first
    answer = browser.post(where, form | confirmation(first.content.decode()))
    assert answer.status_code == 302, answer.content.decode()
    return Connection.objects.get(environment=environment)


@pytest.fixture
def saved(environment, as_ada, demo_sftp) -> Connection:
    return set_up(as_ada, environment, demo_sftp, password=PASSWORD)


def test_the_host_key_is_shown_and_nothing_is_saved_before_it_is_confirmed(environment, as_ada, sshd):
    where = url(environment, "set_up", type_="sftp")
    form = form_for(sshd, **{"settings-private_key": sshd.private_key()})
    text = as_ada.post(where, form).content.decode()
    assert "Confirm the server" in text
    assert keys.fingerprint(sshd.host_key) in text
    assert "ssh-ed25519" in text
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    "name, passphrase", [("plain", ""), ("locked", PASSPHRASE)], ids=["a plain key", "a key with a passphrase"]
)
def test_a_connection_set_up_with_a_key_works(environment, as_ada, sshd, name, passphrase):
    connection = set_up(as_ada, environment, sshd, private_key=sshd.private_key(name), passphrase=passphrase)
    assert connection.settings == sshd.settings()
    as_ada.post(url(environment, "test", pk=connection.pk))
    work_off()
    connection.refresh_from_db()
    assert connection.is_check_ok is True, connection.check_steps


def test_a_connection_set_up_with_a_password_works(environment, as_ada, demo_sftp):
    connection = set_up(as_ada, environment, demo_sftp, password="waybill-demo")
    assert connection.secrets == {"password": "waybill-demo"}
    as_ada.post(url(environment, "test", pk=connection.pk))
    work_off()
    connection.refresh_from_db()
    assert connection.is_check_ok is True, connection.check_steps


def test_a_confirmation_for_another_server_does_not_count(environment, as_ada, demo_sftp, sshd):
    where = url(environment, "set_up", type_="sftp")
    first = as_ada.post(where, form_for(demo_sftp, **{"settings-password": "x"})).content.decode()
    second = as_ada.post(where, form_for(sshd, **{"settings-password": "y"}) | confirmation(first))
    assert second.status_code == 422
    assert keys.fingerprint(sshd.host_key) in second.content.decode()
    assert not Connection.objects.exists()


@pytest.mark.parametrize("change", [{"settings-host": "localhost"}, {"settings-port": "2222"}])
def test_what_was_typed_for_one_server_is_asked_for_again_for_another(environment, as_ada, demo_sftp, change):
    where = url(environment, "set_up", type_="sftp")
    first = as_ada.post(where, form_for(demo_sftp, **{"settings-password": PASSWORD})).content.decode()
    second = as_ada.post(where, form_for(demo_sftp) | confirmation(first) | change)
    assert second.context["type_form"].errors["password"] == [
        "The server has changed. Enter this again for the new one."
    ]
    assert hidden(second.content.decode(), "sealed") == ""
    assert not Connection.objects.exists()


def test_what_was_typed_to_replace_a_secret_is_not_dropped_silently(as_ada, saved, demo_sftp):
    where = url(saved.environment, "edit", pk=saved.pk)
    form = form_for(demo_sftp, **{"settings-password": "new", "settings-password-is": "replace", "name": ""})
    form["made_from"] = hidden(as_ada.get(where).content.decode(), "made_from")
    first = as_ada.post(where, form | {"settings-host": "localhost"}).content.decode()
    form |= {"name": "Partner", "settings-password": ""}
    form |= {name: hidden(first, name) for name in ("sealed", "made_from")}
    second = as_ada.post(where, form)
    assert second.status_code == 422
    assert second.context["type_form"].errors.keys() == {"password"}
    saved.refresh_from_db()
    assert saved.secrets == {"password": PASSWORD}


def test_a_server_that_cannot_be_reached_is_said_at_its_field(environment, as_ada, demo_sftp):
    where = url(environment, "set_up", type_="sftp")
    for changes, said in (
        ({"settings-port": "1"}, "No answer"),
        ({"settings-host": "nowhere.invalid"}, "name is unknown"),
        ({"settings-host": "sftp://example.com/in"}, "only the server"),
        ({"settings-host": "10.1.2.3"}, "to allow that network in WAYBILL_ALLOWED_NETWORKS"),
        ({"settings-port": "99999"}, "Enter a port from 1 to 65535."),
        ({"settings-port": "22 or so"}, "Enter a port from 1 to 65535."),
        ({"settings-folder": "/in/../etc"}, "Enter the folder without “..”"),
        ({"settings-password": ""}, "Enter a password or a private key"),
        ({"settings-private_key": "hello"}, "This is not a private key"),
        ({"settings-passphrase": "x"}, "private key again together"),
    ):
        form = form_for(demo_sftp, **{"settings-password": PASSWORD} | changes)
        answer = as_ada.post(where, form)
        assert answer.status_code == 422
        assert answer.content.decode().replace("&#x27;", "'").count(said) == 1, said
    assert not Connection.objects.exists()


def test_what_the_network_said_is_folded_away_at_the_field_it_is_about(environment, as_ada, demo_sftp):
    where = url(environment, "set_up", type_="sftp")
    for changes, field, detail in (
        ({"settings-port": "1"}, "port", "Connection refused"),
        ({"settings-host": "10.1.2.3"}, "host", "No network in WAYBILL_ALLOWED_NETWORKS contains 10.1.2.3."),
    ):
        answer = as_ada.post(where, form_for(demo_sftp, **{"settings-password": PASSWORD} | changes))
        assert set(answer.context_data["type_form"].errors) == {field}
        text = answer.content.decode()
        assert detail in text.split("Detail for administrators")[1]
        assert detail not in text.split("Detail for administrators")[0]


def test_a_ticked_box_is_saved_and_tested(environment, as_ada, demo_sftp):
    where = url(environment, "set_up", type_="sftp")
    form = form_for(demo_sftp, **{"settings-password": "waybill-demo"})
    first = as_ada.post(where, form).content.decode()
    assert "tone-danger" not in first.partition("<template")[0]
    assert "field-error" not in first
    sent = form | confirmation(first) | {"then": "test"}
    answer = as_ada.post(where, sent, follow=True)
    work_off()
    assert "The connection works" in as_ada.get(answer.redirect_chain[-1][0]).content.decode()
    assert Connection.objects.get().is_check_ok is True


def test_a_typed_secret_survives_an_invalid_form_without_being_shown(environment, as_ada, demo_sftp):
    where = url(environment, "set_up", type_="sftp")
    first = as_ada.post(where, form_for(demo_sftp, name="", **{"settings-password": PASSWORD})).content.decode()
    assert PASSWORD not in first
    assert "Entered. Leave empty to keep it." in first
    second = as_ada.post(where, form_for(demo_sftp) | confirmation(first))
    assert second.status_code == 302
    assert Connection.objects.get().secrets == {"password": PASSWORD}


def test_sealed_secrets_are_for_the_same_person_and_environment_and_half_an_hour(environment, ada, monkeypatch):
    mine = access_of(ada, environment.slug)
    text = sealing.seal(mine, {"password": PASSWORD}, {"host": "a"})
    assert sealing.unseal(mine, text) == sealing.Typed({"password": PASSWORD}, {"host": "a"})
    other = make_member(environment)
    assert sealing.unseal(access_of(other, environment.slug), text) == sealing.Typed()
    for wrong in ("", "nonsense", text[:-4] + "AAAA", "é"):
        assert sealing.unseal(mine, wrong) == sealing.Typed()
    monkeypatch.setattr(sealing, "LIFETIME_SECONDS", -1)
    assert sealing.unseal(mine, sealing.seal(mine, {"password": PASSWORD}, {"host": "a"})) == sealing.Typed()


def test_a_stored_secret_cannot_be_used_as_a_sealed_one(saved, ada, environment):
    assert sealing.unseal(access_of(ada, environment.slug), saved.encrypted_secrets) == sealing.Typed()


def test_a_stored_secret_is_on_no_page(environment, as_ada, saved):
    as_ada.post(url(environment, "test", pk=saved.pk))
    work_off()
    pages = [as_ada.get(url(environment, "list"))]
    pages += [as_ada.get(url(environment, name, pk=saved.pk)) for name in ("edit", "test", "remove")]
    pages.append(as_ada.post(url(environment, "edit", pk=saved.pk), {"name": ""}))
    for page in pages:
        assert PASSWORD not in page.content.decode()
        assert saved.encrypted_secrets not in page.content.decode()
    assert PASSWORD not in repr(list(AuditEvent.objects.values()))
    assert "The new secret replaces the stored one." in pages[1].content.decode()
    assert "Replaces the stored password." in pages[1].content.decode()


def test_an_empty_secret_keeps_the_stored_one_and_needs_no_host_key_again(environment, as_ada, saved, demo_sftp):
    answer = as_ada.post(url(environment, "edit", pk=saved.pk), form_for(demo_sftp, name="New", agree=""))
    assert answer.status_code == 302
    saved.refresh_from_db()
    assert (saved.name, saved.secrets) == ("New", {"password": PASSWORD})
    assert saved.settings["host_key"] == demo_sftp.host_key


def test_a_new_secret_replaces_the_stored_ones(environment, as_ada, saved, demo_sftp, sshd):
    form = form_for(demo_sftp, **{"settings-private_key": sshd.private_key()})
    assert as_ada.post(url(environment, "edit", pk=saved.pk), form).status_code == 302
    saved.refresh_from_db()
    assert saved.secrets.keys() == {"private_key"}
    changes = AuditEvent.objects.filter(action="change").latest("pk").changes
    assert changes == {"secrets": "changed"}


@pytest.mark.parametrize("moved", ["host", "port"])
def test_a_stored_secret_never_goes_to_another_server(environment, as_ada, saved, demo_sftp, sshd, moved):
    changes = {"host": {"settings-host": "localhost"}, "port": {"settings-port": str(sshd.port)}}[moved]
    form = form_for(demo_sftp, **changes)
    before = sshd.log()
    text = as_ada.post(url(environment, "edit", pk=saved.pk), form).content.decode()
    assert "enter the password or key for it" in text
    assert "waybill" not in sshd.log()[len(before) :]
    first = as_ada.post(url(environment, "edit", pk=saved.pk), form | {"settings-password": "other"})
    assert "Confirm the server" in first.content.decode()
    form |= confirmation(first.content.decode())
    assert as_ada.post(url(environment, "edit", pk=saved.pk), form).status_code == 302
    saved.refresh_from_db()
    assert saved.secrets == {"password": "other"}


def test_another_folder_asks_for_the_host_key_but_not_for_the_secret(environment, as_ada, saved, demo_sftp):
    form = form_for(demo_sftp, **{"settings-folder": "/elsewhere"})
    first = as_ada.post(url(environment, "edit", pk=saved.pk), form)
    assert "Confirm the server" in first.content.decode()
    form |= confirmation(first.content.decode())
    assert as_ada.post(url(environment, "edit", pk=saved.pk), form).status_code == 302
    saved.refresh_from_db()
    assert (saved.settings["folder"], saved.secrets) == ("/elsewhere", {"password": PASSWORD})


def test_a_forged_host_key_is_not_taken_without_confirmation(environment, as_ada, saved, demo_sftp, sshd):
    form = form_for(demo_sftp, **{"settings-host_key": sshd.host_key, "settings-host_key_proof": "127.0.0.1 22"})
    as_ada.post(url(environment, "edit", pk=saved.pk), form)
    saved.refresh_from_db()
    assert saved.settings["host_key"] == demo_sftp.host_key


def test_a_server_with_a_new_host_key_can_be_confirmed_again(environment, as_ada, saved, demo_sftp, sshd):
    saved.settings["host_key"] = sshd.host_key
    saved.save()
    form = form_for(demo_sftp, **{"settings-renews_host_key": "on"})
    first = as_ada.post(url(environment, "edit", pk=saved.pk), form)
    assert keys.fingerprint(demo_sftp.host_key) in first.content.decode()
    form |= confirmation(first.content.decode())
    assert as_ada.post(url(environment, "edit", pk=saved.pk), form).status_code == 302
    saved.refresh_from_db()
    assert saved.settings["host_key"] == demo_sftp.host_key


def test_a_lost_key_is_said_and_the_secret_entered_again(environment, as_ada, saved, demo_sftp, settings):
    from cryptography.fernet import Fernet

    settings.SECRETS_KEYS = [Fernet.generate_key().decode()]
    for name in ("edit", "test", "remove"):
        assert as_ada.get(url(environment, name, pk=saved.pk)).status_code == 200
    assert as_ada.get(url(environment, "list")).status_code == 200
    text = as_ada.get(url(environment, "edit", pk=saved.pk)).content.decode()
    assert "The stored secret cannot be read" in text
    as_ada.post(url(environment, "test", pk=saved.pk))
    work_off()
    saved.refresh_from_db()
    assert saved.failed_step == "Read the stored secret"
    form = form_for(demo_sftp)
    assert "Enter a password" in as_ada.post(url(environment, "edit", pk=saved.pk), form).content.decode()
    form["settings-password"] = "entered again"
    assert as_ada.post(url(environment, "edit", pk=saved.pk), form).status_code == 302
    saved.refresh_from_db()
    assert saved.secrets == {"password": "entered again"}


def test_a_test_that_takes_too_long_names_the_step_it_waits_for(environment, ada, saved, monkeypatch):
    import socket
    from contextlib import closing

    from connections.testing import checks

    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        saved.settings["port"] = silent.getsockname()[1]
        saved.set_secrets({"password": PASSWORD})
        steps = [*checks.walk(saved, deadline=0.5)][-1].steps
    assert [step.state for step in steps] == ["done", "failed", *["not_reached"] * 4]
    assert steps[1].name == "Connect"
    assert "Took too long: no answer within" in steps[1].message


def test_the_error_page_of_a_contributor_shows_no_detail(environment, saved):
    browser = client_of(make_member(environment, "contributor"))
    text = browser.get(url(environment, "list")).content.decode()
    for word in ("127.0.0.1", "waybill@", saved.settings["host_key"].split()[1][:20]):
        assert word not in text
