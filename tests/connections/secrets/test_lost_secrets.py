"""A secret that cannot be read, or is not where its connection refers to: said everywhere, a crash nowhere."""

import pytest
from cryptography.fernet import Fernet
from django.urls import reverse

from config import doctor
from connections.models import Connection
from exports import actions
from exports.models import Run
from exports.models.states import State
from exports.work.watch import work_until_idle
from roles.secrets import store
from tests.connections.delivering import run_check
from tests.factories import client_of, make_connection, make_environment, make_export, make_member, make_segment
from tests.factories import make_table as import_table

NAME = "WAYBILL_CONNECTION_SECRET_CRM"
SETTINGS = {"host": "127.0.0.1", "port": 1, "username": "planted-account", "folder": "/planted", "host_key": "x"}
FORM = {
    "name": "Partner",
    "sharing": "all",
    "agree": "on",
    "settings-host": "127.0.0.1",
    "settings-port": "1",
    "settings-username": "planted-account",
    "settings-folder": "/planted",
}


def foreign_key() -> str:
    return Fernet(Fernet.generate_key()).encrypt(b'{"password": "x"}').decode()


def under_our_key(data: bytes) -> str:
    return store.ring().encrypt(data).decode()


BROKEN = {
    "the key is lost": foreign_key,
    "the text is no token": lambda: "gibberish",
    "the text is cut": lambda: store.encrypt({"password": "x"})[:-7],
    "the text is not ASCII": lambda: "gAAAAé\ud83d",
    "the content is no JSON": lambda: under_our_key(b"planted-not-json"),
    "the content is no UTF-8": lambda: under_our_key(b"\xff\xfe"),
    "the content is a list": lambda: under_our_key(b'["planted"]'),
    "the content is a number": lambda: under_our_key(b"1"),
    "a value is no text": lambda: under_our_key(b'{"password": 1}'),
}


@pytest.fixture
def partner(db):
    environment = make_environment()
    partner = make_connection(environment, "Partner", type="sftp", settings=SETTINGS)
    partner.set_secrets({"password": "hidden"})
    partner.save()
    return partner


@pytest.fixture
def ada(partner):
    return client_of(make_member(partner.environment))


def url(partner: Connection, name: str) -> str:
    kwargs = {"environment": partner.environment.slug} | ({} if name == "list" else {"pk": partner.pk})
    return reverse(f"connections:{name}", kwargs=kwargs)


def put(partner: Connection, text: str) -> None:
    Connection.objects.filter(pk=partner.pk).update(encrypted_secrets=text)
    partner.refresh_from_db()


def doctors_line() -> str:
    said = []
    doctor.run_checks(as_json=False, say=said.append)
    return next(line for line in said[0].splitlines() if " secrets " in line)


def run_on(partner: Connection) -> Run:
    table = import_table(partner.environment)
    export = make_export(partner.environment, connection=partner, segments=[make_segment(table)])
    actions.run_now(export, by=None)
    work_until_idle()
    return Run.objects.get(export=export)


@pytest.mark.parametrize("how", [name for name in BROKEN if "ASCII" not in name])
def test_every_page_says_that_the_secret_has_to_be_entered_again(partner, ada, how):
    put(partner, BROKEN[how]())
    pages = {name: ada.get(url(partner, name)) for name in ("list", "edit", "test", "remove")}
    assert {name: page.status_code for name, page in pages.items()} == dict.fromkeys(pages, 200)
    assert "Secret cannot be read" in pages["list"].content.decode()
    assert "enter it again" in pages["list"].content.decode()
    assert "The stored secret cannot be read" in pages["edit"].content.decode()
    assert "planted-not" not in "".join(page.content.decode() for page in pages.values())


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_no_unreadable_text_is_anything_but_unreadable(broken, db):
    with pytest.raises(store.UnreadableSecretError) as error:
        store.decrypt(broken())
    assert "planted" not in f"{error.value!r} {error.value}"
    assert error.value.__cause__ is None


@pytest.mark.django_db(transaction=True)
def test_a_test_a_run_and_the_doctor_say_it(partner, ada):
    put(partner, foreign_key())
    (step,) = run_check(partner)
    assert (step.name, step.state) == ("Read the stored secret", "failed")
    assert "Enter it again" in step.message
    run = run_on(partner)
    assert (run.state, run.reason) == (State.FAILED, "Secret cannot be read")
    assert "127.0.0.1" not in run.message
    assert "The secrets of 1 of 1 connections cannot be read" in doctors_line()


def test_the_doctor_says_where_the_old_key_is_written(partner, settings, tmp_path):
    put(partner, foreign_key())
    settings.SECRETS_KEYS, settings.SECRETS_KEYS_FILE = [Fernet.generate_key().decode()], None
    assert "Add the old key to WAYBILL_SECRETS_KEYS behind a comma and start Waybill again, then run" in doctors_line()
    settings.SECRETS_KEYS, settings.SECRETS_KEYS_FILE = [], tmp_path / "elsewhere"
    settings.SECRETS_KEYS_FILE.write_text(Fernet.generate_key().decode())
    settings.SECRETS_KEYS_FILE.chmod(0o600)
    assert f"Add the old key as a line of {settings.SECRETS_KEYS_FILE}, then run" in doctors_line()


def test_contributors_see_nothing_of_it(partner):
    put(partner, "gibberish")
    contributor = client_of(make_member(partner.environment, "contributor"))
    assert "cannot be read" not in contributor.get(url(partner, "list")).content.decode()


def test_the_admin_pages_show_neither_the_text_nor_an_error(partner, admin_client):
    put(partner, "gibberish")
    for name in ("changelist", "change", "history"):
        args = [] if name == "changelist" else [partner.pk]
        page = admin_client.get(reverse(f"admin:connections_connection_{name}", args=args))
        assert page.status_code == 200
        assert "gibberish" not in page.content.decode()


# --- references


def test_a_reference_is_followed_when_the_connection_is_opened_and_not_before(partner, monkeypatch):
    partner.set_secrets({"password": f"env:{NAME}"})
    monkeypatch.setenv(NAME, "from the vault")
    assert partner.open().secrets == {"password": "from the vault"}
    assert partner.secrets == {"password": f"env:{NAME}"}
    assert partner.kept_secrets == {"password"}


@pytest.mark.django_db(transaction=True)
def test_a_missing_reference_fails_a_test_and_a_run_with_what_to_do(partner, monkeypatch, settings):
    monkeypatch.delenv(NAME, raising=False)
    partner.set_secrets({"password": f"env:{NAME}"})
    partner.save()
    (step,) = run_check(partner)
    assert "is not set where Waybill runs" in step.message
    run = run_on(partner)
    assert run.state == State.FAILED
    assert run.message == "The secret that the connection refers to is missing. Ask an administrator."
    assert "is not set where Waybill runs" in run.detail
    assert NAME not in f"{run.message} {run.detail} {run.steps} {step}"


@pytest.mark.django_db(transaction=True)
def test_a_run_waits_for_a_file_that_a_vaults_agent_may_still_write(partner, settings, tmp_path):
    settings.SECRETS_DIR = tmp_path
    partner.set_secrets({"password": "file:planted-name"})
    partner.save()
    run = run_on(partner)
    assert run.state == State.RETRYING
    assert "planted-name" not in f"{run.message} {run.detail} {run.steps}"


@pytest.mark.parametrize("field", ["password", "private_key", "passphrase"])
def test_the_form_refuses_a_reference_that_leads_nowhere(partner, ada, field):
    answer = ada.post(url(partner, "edit"), FORM | {f"settings-{field}": f"env:{NAME}"})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "is not set where Waybill runs" in text
    assert "Enter a password or a private key" not in text
    assert NAME not in text


def test_a_private_key_may_be_referred_to(partner, ada, monkeypatch):
    monkeypatch.setenv(NAME, "no key at all")
    answer = ada.post(url(partner, "edit"), FORM | {"settings-private_key": f"env:{NAME}"})
    assert "This is not a private key" in answer.content.decode()


def test_the_form_says_how_to_refer_to_a_secret(partner, ada, settings, tmp_path):
    put(partner, "")
    text = ada.get(url(partner, "edit")).content.decode()
    assert "env:WAYBILL_CONNECTION_SECRET_NAME" in text
    assert "file:NAME" not in text
    settings.SECRETS_DIR = tmp_path
    assert "file:NAME" in ada.get(url(partner, "edit")).content.decode()
