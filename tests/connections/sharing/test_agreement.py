"""I agree: kept with who and when, and asked again where data would go elsewhere."""

import pytest
from django import forms as django_forms

from connections import actions
from connections.actions import Draft
from connections.destinations.base import SettingsForm
from connections.destinations.local.destination import LocalFolder
from connections.destinations.registry import registered
from connections.models import Connection
from connections.sharing import agreement
from tests.connections.test_pages import HTMX, local_form, url
from tests.exports.pages import text_of
from tests.factories import client_of, make_connection, make_member

PLACE = {"host": "sftp.example", "port": 22, "username": "waybill", "folder": "/in", "host_key": "ssh-ed25519 AAAA"}


@pytest.fixture
def saved(environment, as_ada):
    as_ada.post(url(environment, "set_up", type_="local"), local_form())
    return Connection.objects.get()


def edit(client, connection, **changes):
    body = local_form(agree="", **changes)
    return client.post(url(connection.environment, "edit", pk=connection.pk), body, headers=HTMX)


def test_what_it_means_is_said_and_who_agreed_when_is_shown(environment, as_ada, ada, saved):
    page = text_of(as_ada.get(url(environment, "set_up", type_="local")))
    assert "Sent data leaves Waybill." in page
    assert saved.agreed_by == ada
    page = text_of(as_ada.get(url(environment, "edit", pk=saved.pk)))
    assert "Agreement" in page
    assert "Sent data leaves Waybill." not in page, "nothing is asked while the target stays"


@pytest.mark.parametrize("changes", [{"name": "New"}, {"sharing": "all"}])
def test_name_and_people_do_not_ask_again(as_ada, saved, changes):
    assert edit(as_ada, saved, **changes).status_code == 204


def test_another_target_asks_whatever_the_form_leaves_out(environment, saved, ada):
    other = make_member(environment)
    refused = edit(client_of(other), saved, **{"settings-folder": "elsewhere"})
    assert refused.status_code == 422
    assert "Data would go to another destination" in text_of(refused)
    for forged in ({"agreed_target": "x"}, {"agreed_at": "2020-01-01"}):
        assert edit(client_of(other), saved, **{"settings-folder": "elsewhere"} | forged).status_code == 422
    saved.refresh_from_db()
    assert (saved.settings, saved.agreed_by) == ({"folder": "calls"}, ada)
    body = local_form(**{"settings-folder": "elsewhere"})
    assert client_of(other).post(url(environment, "edit", pk=saved.pk), body).status_code == 302
    saved.refresh_from_db()
    assert saved.agreed_by == other
    assert saved.agreed_target == agreement.target_of("local", {"folder": "elsewhere"})


def test_the_way_back_to_the_agreed_target_asks_too(as_ada, environment, saved):
    as_ada.post(url(environment, "edit", pk=saved.pk), local_form(**{"settings-folder": "elsewhere"}))
    assert edit(as_ada, saved, **{"settings-folder": "calls"}).status_code == 422


def test_an_action_without_the_agreement_changes_nothing(environment, ada, saved):
    with pytest.raises(actions.NotAgreedError):
        actions.change(saved, Draft("Call list", {"folder": "else"}, "nobody", has_agreed=False), by=ada)
    with pytest.raises(actions.NotAgreedError):
        actions.create(environment, "local", Draft("Other", {"folder": "x"}, "nobody", has_agreed=False), by=ada)
    assert [one.settings for one in Connection.objects.all()] == [{"folder": "calls"}]


def test_a_target_that_somebody_else_changed_meanwhile_is_not_agreed_to(environment, ada, saved):
    stale = Connection.objects.get()
    actions.change(saved, Draft("Call list", {"folder": "new"}, "nobody", has_agreed=True), by=ada)
    not_agreed = Draft("Call list", {"folder": "calls"}, "nobody", has_agreed=False)
    with pytest.raises(actions.ChangedMeanwhileError):
        actions.change(stale, not_agreed, by=ada)
    with pytest.raises(actions.NotAgreedError):
        actions.change(saved, not_agreed, by=ada)


def test_an_agreement_from_before_targets_were_noted_holds_for_what_is_stored(as_ada, saved):
    Connection.objects.update(agreed_target="")
    assert edit(as_ada, saved, **{"settings-folder": "elsewhere"}).status_code == 422
    assert edit(as_ada, saved, name="New").status_code == 204
    saved.refresh_from_db()
    assert saved.agreed_target == agreement.target_of("local", {"folder": "calls"})


def test_a_connection_that_nobody_agreed_to_asks(environment, as_ada):
    connection = make_connection(environment, "Call list")
    assert "Sent data leaves Waybill." in text_of(as_ada.get(url(environment, "edit", pk=connection.pk)))
    answer = edit(as_ada, connection, **{"settings-folder": connection.settings["folder"]})
    assert answer.status_code == 422


@pytest.mark.parametrize("name, value", [("host", "b.example"), ("port", 23), ("username", "x"), ("folder", "/out")])
def test_the_target_of_sftp_is_server_account_and_folder(name, value):
    assert agreement.target_of("sftp", PLACE) != agreement.target_of("sftp", PLACE | {name: value})
    assert agreement.target_of("sftp", PLACE) == agreement.target_of("sftp", PLACE | {"host_key": "another"})


def test_without_a_word_from_the_type_every_setting_is_the_target():
    class Form(SettingsForm):
        folder = django_forms.CharField()

    class Plain(LocalFolder):
        slug, settings_form = "plain", Form

    with registered(Plain):
        assert agreement.target_of("plain", {"a": 1, "b": 2}) != agreement.target_of("plain", {"a": 1, "b": 3})
