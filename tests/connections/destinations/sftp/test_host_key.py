"""Only a host key that Waybill fetched itself is pinned; one that cannot be read is said and confirmed anew."""

import pytest
from django.core import signing
from django.urls import reverse

from connections.destinations.sftp import form as sftp_form
from connections.destinations.sftp import keys
from connections.models import Connection
from tests.connections.destinations.sftp.test_sftp_form import confirmation, form_for, set_up
from tests.connections.working import work_off
from tests.factories import make_connection

GARBAGE = ["garbage", "", "ssh-ed25519", "ssh-ed25519 ====", "ssh-ed25519 é", "ssh-ed25519 AAAA", " "]


def add(environment):
    return reverse("connections:set_up", args=[environment.slug, "sftp"])


def edit(connection):
    return reverse("connections:edit", args=[connection.environment.slug, connection.pk])


@pytest.mark.parametrize("proof", ["", "127.0.0.1 {port}", "127.0.0.1 {port}:x:y"])
def test_a_host_key_that_was_not_fetched_is_not_taken(environment, as_ada, demo_sftp, sshd, proof):
    for key in ("garbage", sshd.host_key):
        forged = {"settings-host_key": key, "settings-is_host_key_confirmed": "on", "settings-password": "x"}
        forged["settings-host_key_proof"] = proof.format(port=demo_sftp.port)
        answer = as_ada.post(add(environment), form_for(demo_sftp) | forged)
        assert answer.status_code == 422
        assert keys.fingerprint(demo_sftp.host_key) in answer.content.decode()
    assert not Connection.objects.exists()


def test_the_proof_is_of_one_key_and_server(environment, as_ada, demo_sftp, sshd):
    form = form_for(demo_sftp) | {"settings-password": "x"}
    shown = confirmation(as_ada.post(add(environment), form).content.decode())
    assert as_ada.post(add(environment), form | shown | {"settings-host_key": sshd.host_key}).status_code == 422
    assert as_ada.post(add(environment), form_for(sshd) | shown | {"settings-password": "x"}).status_code == 422
    assert not Connection.objects.exists()


def test_a_proof_is_good_for_half_an_hour(environment, as_ada, demo_sftp, monkeypatch):
    form = form_for(demo_sftp) | {"settings-password": "x"}
    shown = confirmation(as_ada.post(add(environment), form).content.decode())
    monkeypatch.setattr(sftp_form, "PROOF_SECONDS", -1)
    assert as_ada.post(add(environment), form | shown).status_code == 422


def test_a_proof_of_something_else_signed_by_waybill_is_none(environment, as_ada, demo_sftp):
    other = signing.dumps([f"127.0.0.1 {demo_sftp.port}", "garbage"])
    forged = {"settings-host_key": "garbage", "settings-host_key_proof": other, "settings-password": "x"}
    answer = as_ada.post(add(environment), form_for(demo_sftp) | forged | {"settings-is_host_key_confirmed": "on"})
    assert answer.status_code == 422


UNSEEN = {
    "no tick": lambda key: "",
    "a tick of no key": lambda key: "on",
    "the key itself": lambda key: key,
    "another key": lambda key: "SHA256:" + "A" * 43,
}


@pytest.mark.parametrize("tick", UNSEEN)
def test_only_a_tick_beside_just_this_fingerprint_confirms_it(environment, as_ada, demo_sftp, tick):
    form = form_for(demo_sftp) | {"settings-password": "x"}
    shown = confirmation(as_ada.post(add(environment), form).content.decode())
    assert shown["settings-is_host_key_confirmed"] == keys.fingerprint(demo_sftp.host_key)
    unseen = {"settings-is_host_key_confirmed": UNSEEN[tick](demo_sftp.host_key), "confirm": "is_host_key_confirmed"}
    for name in ("", "test"):
        answer = as_ada.post(add(environment), form | shown | unseen | {"then": name})
        assert answer.status_code == 422
        assert "tick this box, then save again" in answer.content.decode()
    assert not Connection.objects.exists()


def test_a_tick_is_of_the_key_that_was_shown_and_not_of_the_next(environment, as_ada, demo_sftp, sshd):
    """The server shows another key by the time the box is ticked: that one is shown, and its box is empty."""
    form = form_for(demo_sftp) | {"settings-password": "x"}
    shown = confirmation(as_ada.post(add(environment), form).content.decode())
    elsewhere = as_ada.post(add(environment), form_for(sshd) | {"settings-password": "x"} | shown)
    again = elsewhere.content.decode()
    assert keys.fingerprint(sshd.host_key) in again
    assert "then save again" not in again.split("data-must-see-text")[1].partition(">")[2], "asked anew, not wrong"
    stale = confirmation(again) | {"settings-is_host_key_confirmed": shown["settings-is_host_key_confirmed"]}
    assert as_ada.post(add(environment), form_for(sshd) | {"settings-password": "x"} | stale).status_code == 422
    assert not Connection.objects.exists()


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_stored_host_key_that_cannot_be_read_breaks_no_page(environment, as_ada, demo_sftp, garbage):
    settings = demo_sftp.settings(host_key=garbage)
    connection = make_connection(environment, "Broken", type="sftp", settings=settings)
    connection.set_secrets({"password": "x"})
    connection.save()
    page = as_ada.get(edit(connection))
    assert page.status_code == 200
    assert ("cannot be read" in page.content.decode()) == bool(garbage)
    assert as_ada.post(reverse("connections:test", args=[environment.slug, connection.pk])).status_code == 302
    work_off()
    answer = as_ada.post(edit(connection), form_for(demo_sftp))
    assert answer.status_code == 422
    assert keys.fingerprint(demo_sftp.host_key) in answer.content.decode()


def test_the_fetched_key_of_a_real_server_can_be_read(environment, as_ada, sshd):
    connection = set_up(as_ada, environment, sshd, private_key=sshd.private_key())
    assert keys.is_host_key(connection.settings["host_key"])
