"""`manage.py backup` and `restore`: what they refuse, and what they say."""

import pytest
from django.core.management import CommandError, call_command

from config import backup

pytestmark = pytest.mark.django_db


def test_a_backup_is_for_its_owner_and_replaces_none(tmp_path):
    file = tmp_path / "waybill.dump"
    call_command("backup", str(file))
    assert file.read_bytes()[:5] == b"PGDMP"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(CommandError, match="already there"):
        call_command("backup", str(file))


def test_a_database_that_holds_something_is_left_alone(tmp_path):
    file = tmp_path / "waybill.dump"
    file.write_bytes(b"x")
    with pytest.raises(CommandError, match="The database is not empty, so nothing was restored"):
        call_command("restore", str(file))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError, match="There is no file"):
        call_command("restore", str(tmp_path / "missing"))


def test_a_program_that_fails_leaves_no_file(tmp_path, settings):
    with pytest.raises(CommandError, match=r"Nothing can be written in .+/missing \(No such file or directory\)\."):
        call_command("backup", str(tmp_path / "missing" / "waybill.dump"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            "pg_dump: error: aborting because of server version mismatch\n"
            "pg_dump: detail: server version: 19.1; pg_dump version: 18.4\n",
            "pg_dump is older than the server (19.1). Use the pg_dump of the server's version",
        ),
        ("pg_dump: warning: x\npg_dump: error: it broke\npg_dump: detail: a row", "pg_dump failed: it broke"),
        ("psql:<stdin>:7: ERROR:  it broke\nCONTEXT:  a row", "pg_dump failed: it broke"),
        ("", "pg_dump failed: it does not say why"),
    ],
)
def test_why_a_program_failed_is_one_sentence(said, sentence):
    found = backup._explained("pg_dump", said)
    assert found.startswith(sentence)
    assert "a row" not in found
