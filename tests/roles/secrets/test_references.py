"""Secrets that are kept elsewhere: what may be referred to, and what is said where a reference leads nowhere."""

import os

import pytest
from django.core.exceptions import ValidationError

from roles.secrets import references
from roles.secrets.references import MissingSecretError

NAME = "WAYBILL_CONNECTION_SECRET_CRM"


@pytest.fixture
def vault(tmp_path, settings):
    """The directory for secrets."""
    settings.SECRETS_DIR = tmp_path / "vault"
    settings.SECRETS_DIR.mkdir()
    return settings.SECRETS_DIR


def refused(text: str) -> MissingSecretError:
    with pytest.raises(MissingSecretError) as error:
        references.resolve(text)
    assert "planted" not in str(error.value)
    return error.value


def test_a_variable_with_the_prefix_is_read_at_each_use(monkeypatch):
    for value in ("first", "second"):
        monkeypatch.setenv(NAME, value)
        assert references.resolve(f"env:{NAME}") == value


@pytest.mark.parametrize(
    "name", ["WAYBILL_SECRET_KEY", "WAYBILL_SECRETS_KEYS", "DATABASE_URL", "PATH", "HOME",
             "WAYBILL_CONNECTION_SECRET_", "waybill_connection_secret_crm", "WAYBILL_CONNECTION_SECRET_A B", "", "=",
             "X\nWAYBILL_CONNECTION_SECRET_CRM"]
)  # fmt: skip
def test_no_other_variable_can_be_read(monkeypatch, name):
    monkeypatch.setenv("WAYBILL_SECRET_KEY", "planted")
    monkeypatch.setenv("DATABASE_URL", "planted")
    monkeypatch.setenv(NAME, "planted")
    error = refused(f"env:{name}")
    assert "begin with WAYBILL_CONNECTION_SECRET_" in str(error)
    assert error.is_permanent


def test_the_operator_chooses_the_prefix(monkeypatch, settings):
    settings.SECRETS_ENV_PREFIX = "VAULT_"
    monkeypatch.setenv("VAULT_CRM", "value")
    monkeypatch.setenv(NAME, "planted")
    assert references.resolve("env:VAULT_CRM") == "value"
    refused(f"env:{NAME}")


def test_a_variable_that_is_not_set_is_said_without_its_name(monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    error = refused(f"env:{NAME}")
    assert "is not set where Waybill runs" in str(error)
    assert "CRM" not in str(error)


def test_a_file_is_read_at_each_use_without_its_last_line_end(vault):
    for text in ("first\n", "second\r\n", " third \n\n", "fourth"):
        (vault / "crm").write_bytes(text.encode())
        assert references.resolve("file:crm") == text.removesuffix("\n").removesuffix("\r")
        assert references.resolve(f"file:{vault / 'crm'}") == references.resolve("file: crm ")


def test_an_agents_own_links_are_followed_within_the_directory(vault):
    (vault / "..2026").mkdir()
    (vault / "..2026" / "crm").write_text("value\n")
    (vault / "..data").symlink_to("..2026")
    (vault / "crm").symlink_to("..data/crm")
    assert references.resolve("file:crm") == "value"


def test_no_file_outside_can_be_read_in_any_way(vault, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("planted")
    (vault / "link").symlink_to(outside)
    (vault / "up").symlink_to("..")
    (vault / "deep").mkdir()
    for path in (
        "../outside",
        "deep/../../outside",
        str(outside),
        "link",
        "up/outside",
        "/etc/passwd",
        "",
        ".",
        "a\0b",
    ):
        error = refused(f"file:{path}")
        assert ("is not in Waybill" in str(error), error.is_permanent) == (True, True), path


def test_a_link_that_is_put_there_meanwhile_is_not_followed(vault, tmp_path):
    (tmp_path / "outside").write_text("planted")
    (vault / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match="symbolic links"), references._opened(vault.resolve(), ("link",)):
        pass


def test_without_a_directory_no_file_can_be_read(settings):
    settings.SECRETS_DIR = None
    assert "WAYBILL_SECRETS_DIR" in str(refused("file:crm"))


def test_a_file_that_is_not_there_may_come_so_trying_again_helps(vault):
    assert not refused("file:crm").is_permanent


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"a\0b", b"x" * 65_537])
def test_a_file_that_holds_no_secret_is_refused(vault, content):
    (vault / "crm").write_bytes(content)
    assert "is not a secret" in str(refused("file:crm"))


def test_what_is_no_plain_file_is_refused_and_nothing_waits(vault):
    (vault / "folder").mkdir()
    os.mkfifo(vault / "pipe")
    for name in ("folder", "pipe"):
        assert "is not a secret" in str(refused(f"file:{name}"))


@pytest.mark.parametrize(
    "typed, meant",
    [("plain:env:x", "env:x"), ("plain:file:x", "file:x"), ("plain:plain:env:x", "plain:env:x"),
     ("plain:other", "plain:other"), ("ENV:x", "ENV:x"), (" env:x", " env:x"), ("", ""), ("pass", "pass")],
)  # fmt: skip
def test_a_secret_that_looks_like_a_reference_can_be_written_as_plain(typed, meant):
    assert references.resolve(typed) == meant


def test_a_form_field_refuses_a_reference_that_leads_nowhere(monkeypatch):
    monkeypatch.setenv(NAME, "value")
    references.check(f"env:{NAME}")
    references.check("a password")
    with pytest.raises(ValidationError, match="is not set"):
        references.check(f"env:{NAME}_2")
