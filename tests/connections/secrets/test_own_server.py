"""A stored secret goes to the server that it was entered for and to no other, whoever saves what at the same time."""

import importlib
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.apps import apps
from django.db import connection as database
from django.db import connections, transaction

from connections import actions
from connections.actions import Draft
from connections.models import Connection, Sharing
from connections.secrets import binding
from connections.sharing import agreement
from exports import actions as export_actions
from exports.models import Run
from exports.models.states import State
from exports.work.watch import work_until_idle
from roles.edits.edit import Edit
from roles.secrets import rotation, store
from tests.connections.delivering import run_check
from tests.connections.destinations.sftp.test_sftp_form import PASSWORD, confirmation, form_for, hidden, set_up, url
from tests.connections.secrets.test_lost_secrets import doctors_line
from tests.factories import client_of, make_environment, make_export, make_member, make_segment
from tests.factories import make_table as import_table

OLD, A, B = "old.example", "a.example", "b.example"


def settings(host: str = OLD, username: str = "shop", folder: str = "/", port: int = 22) -> dict:
    return {"host": host, "port": port, "username": username, "folder": folder, "host_key": f"key of {host}"}


def draft(password: str = "", **changes) -> Draft:
    secret = {"password": password} if password else {}
    return Draft("Partner", settings(**changes), Sharing.NOBODY, has_agreed=True, secrets=secret)


def make(environment=None) -> Connection:
    environment = environment or make_environment()
    return actions.create(environment, "sftp", draft(f"for {OLD}"), by=make_member(environment))


def fails_for_another_server(connection: Connection) -> bool:
    with pytest.raises(store.OtherServerError):
        connection.open()
    return True


# --- what is sealed


@pytest.mark.parametrize("change", [{"host": A}, {"port": 2222}, {"host": ""}, {"port": None}])
def test_a_secret_opens_for_its_own_server_alone(db, change):
    partner = make()
    assert partner.open().secrets == {"password": f"for {OLD}"}
    Connection.objects.filter(pk=partner.pk).update(settings=partner.settings | change)
    partner.refresh_from_db()
    assert fails_for_another_server(partner)


@pytest.mark.parametrize("change", [{"username": "other"}, {"folder": "/crm"}, {"host_key": "a new one"}])
def test_what_says_nothing_of_the_server_may_change(db, change):
    partner = make()
    partner.settings |= change
    assert partner.open().secrets == {"password": f"for {OLD}"}


def test_the_text_of_another_connection_opens_nothing(db):
    partner, other = make(), make()
    actions.change(other, draft("theirs", host=A), by=other.created_by)
    partner.encrypted_secrets = other.encrypted_secrets
    assert fails_for_another_server(partner)


def test_a_text_without_a_server_or_of_another_type_opens_nothing(db):
    partner = make()
    partner.encrypted_secrets = store.encrypt({"password": "x"})
    assert fails_for_another_server(partner)
    partner.encrypted_secrets = store.encrypt({"password": "x"}, {"type": "local", "settings": settings()})
    assert fails_for_another_server(partner)


def test_a_reference_is_bound_to_the_server_too(db, monkeypatch):
    monkeypatch.setenv("WAYBILL_CONNECTION_SECRET_CRM", "from the vault")
    partner = make()
    partner.set_secrets({"password": "env:WAYBILL_CONNECTION_SECRET_CRM"})
    assert partner.open().secrets == {"password": "from the vault"}
    partner.settings |= {"host": A}
    assert fails_for_another_server(partner)


def test_a_type_that_names_no_server_settings_binds_to_all(db, monkeypatch):
    from connections.destinations.sftp.destination import Sftp

    monkeypatch.setattr(Sftp.settings_form, "server_settings", None)
    partner = make()
    partner.settings |= {"folder": "/elsewhere"}
    assert fails_for_another_server(partner)


def test_secrets_go_along_where_the_operator_moves_a_server(db):
    partner = make()
    agreement.carry_over(partner, partner.settings | {"port": 2222})
    assert partner.open().secrets == {"password": f"for {OLD}"}
    partner.settings |= {"port": 22}
    agreement.carry_over(partner, partner.settings | {"port": 3333})
    assert fails_for_another_server(partner)


# --- what people are told


@pytest.mark.django_db(transaction=True)
def test_pages_a_test_a_run_and_the_doctor_say_that_it_is_for_another_server():
    partner = make()
    Connection.objects.update(settings=settings(host=A))
    partner.refresh_from_db()
    ada = client_of(partner.created_by)
    assert "Secret is for another server" in ada.get(url(partner.environment, "list")).content.decode()
    page = ada.get(url(partner.environment, "edit", pk=partner.pk)).content.decode()
    assert "was entered for another server and is not sent to this one. Enter it again." in page
    (step,) = run_check(partner)
    assert (step.name, step.state) == ("Read the stored secret", "failed")
    table = import_table(partner.environment)
    export = make_export(partner.environment, connection=partner, segments=[make_segment(table)])
    export_actions.run_now(export, by=None)
    work_until_idle()
    run = Run.objects.get(export=export)
    assert (run.state, run.reason) == (State.FAILED, "Secret is for another server")
    assert "The secrets of 1 of 1 connections are not for the server that is set now" in doctors_line()


def test_a_secret_of_another_server_can_be_entered_again(environment, ada, as_ada, demo_sftp):
    saved = set_up(as_ada, environment, demo_sftp, password=PASSWORD)
    Connection.objects.update(settings=saved.settings | {"host": "localhost"})
    refused = as_ada.post(url(environment, "edit", pk=saved.pk), form_for(demo_sftp, **{"settings-host": "localhost"}))
    assert refused.context["type_form"].errors.keys() == {"password"}
    form = form_for(demo_sftp, **{"settings-host": "localhost", "settings-password": "for this one"})
    assert as_ada.post(url(environment, "edit", pk=saved.pk), form).status_code == 302
    saved.refresh_from_db()
    assert saved.open().secrets == {"password": "for this one"}


# --- upgrades and keys


def unbound(partner: Connection) -> None:
    Connection.objects.filter(pk=partner.pk).update(encrypted_secrets=store.encrypt(partner.secrets))


def test_an_upgrade_binds_what_is_stored_and_leaves_what_no_key_reads(db):
    migration = importlib.import_module("connections.migrations.0005_secrets_with_their_server")
    partner, lost, gone = make(), make(), make()
    for each in (partner, gone):
        unbound(each)
    Connection.objects.filter(pk=lost.pk).update(encrypted_secrets="gibberish")
    Connection.objects.filter(pk=gone.pk).update(type="a_package_that_is_gone")
    with database.schema_editor() as editor:
        migration.bind(apps, editor)
    for each in (partner, lost, gone):
        each.refresh_from_db()
    assert partner.open().secrets == {"password": f"for {OLD}"}
    assert lost.encrypted_secrets == "gibberish"
    assert gone.secrets == {"password": f"for {OLD}"}
    with database.schema_editor() as editor:
        migration.release(apps, editor)
    partner.refresh_from_db()
    assert store.decrypt(partner.encrypted_secrets) == {"password": f"for {OLD}"}


def test_a_package_that_comes_back_finds_its_secrets(db):
    everything = binding.server_of("not there yet", settings())
    assert everything["settings"] == settings()
    assert binding.is_for(everything | {"type": "sftp"}, "sftp", settings(folder="/new"))


def test_rotation_keeps_the_server_and_binds_what_an_upgrade_could_not_read(db):
    partner, earlier = make(), make()
    unbound(earlier)
    assert rotation.rotate().rotated == 1
    assert rotation.rotate().rotated == 0
    for each in (partner, earlier):
        each.refresh_from_db()
        assert each.open().secrets == {"password": f"for {OLD}"}
        each.settings |= {"host": A}
        assert fails_for_another_server(each)


# --- under a lock


def test_a_save_that_was_checked_against_other_settings_is_refused(db):
    partner = make()
    stale = Connection.objects.get(pk=partner.pk)
    actions.change(partner, draft(f"for {A}", host=A), by=partner.created_by)
    with pytest.raises(actions.ChangedMeanwhileError):
        actions.change(stale, draft(folder="/crm"), by=partner.created_by)
    partner.refresh_from_db()
    assert (partner.settings["host"], partner.secrets) == (A, {"password": f"for {A}"})


def test_a_save_never_keeps_a_secret_for_another_server(db):
    partner = make()
    with pytest.raises(store.OtherServerError):
        actions.change(partner, draft(host=A), by=partner.created_by)
    partner.refresh_from_db()
    assert partner.settings["host"] == OLD


# What two administrators do at the same moment: each enters the password for the server that their form names.
MOVES = {"password": draft(f"for {A}", host=A)}
EDITS = {
    "a folder": draft(folder="/crm"),
    "a user name": draft(username="other"),
    "a password": draft("a new one, for old.example"),
    "another server": draft(f"for {B}", host=B),
    "the same server": draft(f"for {A}, too", host=A),
}
TRIES = 80


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_in_no_order_does_a_secret_end_at_another_server():
    """80 tries with real commits: both have loaded the connection; then they save, in either order or at once."""
    partner = make()
    others = [make_member(partner.environment) for _number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        for number, (edit, order) in zip(
            range(TRIES), itertools.cycle(itertools.product(EDITS.values(), ("ab", "ba", "at once"))), strict=False
        ):
            partner = make(partner.environment) if partner is None else renewed(partner)
            ends = race(pool, partner.pk, [MOVES["password"], edit], others, order)
            partner.refresh_from_db()
            host, secret = partner.settings["host"], partner.open().secrets["password"]
            assert f"for {host}" in secret, (number, order, ends)
            assert partner.settings["host_key"] == f"key of {host}"
            assert partner.agreed_target == agreement.target_of("sftp", partner.settings)
            assert ends.count("saved") >= 1


def renewed(partner: Connection) -> Connection:
    partner.refresh_from_db()
    actions.change(partner, replace(draft(f"for {OLD}"), has_agreed=True), by=partner.created_by)
    return partner


def race(pool, pk, drafts, people, order) -> list[str]:
    """Let two people load the connection, then save; return how it ended for each."""
    loaded, turns = threading.Barrier(2), [threading.Event(), threading.Event()]
    first = {"ab": [0], "ba": [1], "at once": [0, 1]}[order]
    for place in first:
        turns[place].set()

    def save(place: int) -> str:
        mine = Connection.objects.get(pk=pk)
        loaded.wait(30)
        assert turns[place].wait(30)
        try:
            with transaction.atomic():
                actions.change(mine, drafts[place], by=people[place])
        except (actions.ChangedMeanwhileError, actions.NotAgreedError, store.UnreadableSecretError) as error:
            return type(error).__name__
        finally:
            turns[1 - place].set()
            connections.close_all()
        return "saved"

    return [future.result(60) for future in [pool.submit(save, place) for place in (0, 1)]]


def send(client, where, form):
    try:
        return client.post(where, form)
    finally:
        connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_two_forms_sent_at_the_same_moment(demo_sftp, monkeypatch):
    """Both requests have compared their forms when the first one saves: one changes the server, the other a folder."""
    environment = make_environment()
    ada, bea = (client_of(make_member(environment)) for _number in range(2))
    saved = set_up(ada, environment, demo_sftp, password=PASSWORD)
    compared, waited, held = threading.Barrier(2), threading.Event(), Edit.held

    def held_together(*args, **kwargs):
        if not waited.is_set():
            compared.wait(30)
        waited.set()
        return held(*args, **kwargs)

    where = url(environment, "edit", pk=saved.pk)
    made_from = {"made_from": hidden(ada.get(where).content.decode(), "made_from")}
    moved = made_from | form_for(demo_sftp, **{"settings-host": "localhost", "settings-password": "for localhost"})
    moved |= confirmation(ada.post(where, moved).content.decode())
    folder = made_from | form_for(demo_sftp, **{"settings-folder": "/crm"})
    # Its host key is confirmed anew with the folder.
    folder |= confirmation(bea.post(where, folder).content.decode())
    monkeypatch.setattr(Edit, "held", held_together)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(send, client, where, form) for client, form in ((ada, moved), (bea, folder))]
        answers = [answer.result(60) for answer in answers]
    moves, files = answers
    assert moves.status_code == 302
    saved.refresh_from_db()
    assert saved.settings["host"] == "localhost"
    # Who comes after the move is asked about the server that it named.
    assert (files.status_code, saved.settings["folder"]) in [(302, "/crm"), (422, "/in")]
    assert files.status_code == 302 or "Confirm the server" in files.content.decode()
    assert saved.open().secrets == {"password": "for localhost"}
