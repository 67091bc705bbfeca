"""Machines that share a database have the same keys, or the one that came with others takes no work and says so."""

import contextlib
import io
import os
import subprocess
import sys
import threading

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from roles import heartbeats
from roles.models import AuditEvent, KeyInUse, StrangeMachine
from roles.secrets import same_keys
from tests.factories import make_environment
from tests.faults.portal import REPOSITORY, STOP_SECONDS
from tests.until import PATIENCE

FIRST, SECOND, THIRD = (Fernet.generate_key().decode() for _number in range(3))


@pytest.fixture
def machine(settings, tmp_path, monkeypatch):
    """Be a machine with keys of its own, as its next process would be."""

    def be(name, *keys, signing="one"):
        settings.SECRETS_KEYS, settings.SECRETS_KEYS_FILE = list(keys), None
        settings.SECRET_KEY, settings.DATA_DIR = signing, tmp_path / name
        monkeypatch.setattr(heartbeats, "_beaten_at", {})

    return be


def starts():
    """Whether a process of the machine takes work."""
    try:
        same_keys.agree()
    except same_keys.OtherKeysError:
        return False
    return True


@pytest.mark.django_db
def test_a_machine_with_other_keys_takes_no_work_and_the_doctor_of_both_tells(machine):
    machine("a", FIRST)
    assert starts()
    assert same_keys.finding().state == "ok"
    machine("b", SECOND)
    with pytest.raises(same_keys.OtherKeysError, match=r"machine \(WAYBILL_SECRETS_KEYS\) are not those of its"):
        same_keys.agree()
    there = same_keys.finding()
    assert there.state == "wrong"
    assert "manage.py accept_keys" in there.advice
    machine("a", FIRST)
    here = same_keys.finding()
    assert here.state == "wrong"
    assert "/b)" in here.text


@pytest.mark.django_db
def test_a_machine_that_has_got_the_keys_is_one_of_them(machine):
    machine("a", FIRST)
    assert starts()
    machine("b", SECOND)
    assert not starts()
    machine("b", FIRST)
    assert starts()
    assert same_keys.finding().state == "ok"
    assert not StrangeMachine.objects.exists()


@pytest.mark.django_db
def test_keys_that_sign_may_change_while_nobody_works(machine):
    machine("a", FIRST, signing="one")
    assert starts()
    machine("a", FIRST, signing="two")
    assert starts()
    heartbeats.beat("exports")
    machine("b", FIRST, signing="one")
    with pytest.raises(same_keys.OtherKeysError, match="WAYBILL_SECRET_KEY"):
        same_keys.agree()
    assert same_keys.difference() == ["signing"]
    machine("a", FIRST, signing="two")
    assert starts()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "steps",
    [
        # By variables, one machine after the other: behind, then to the front, then the old one out.
        [("a", FIRST), ("b", FIRST), ("a", FIRST, SECOND), ("b", FIRST, SECOND), ("a", SECOND, FIRST),
         ("b", FIRST, SECOND), ("b", SECOND, FIRST), ("a", SECOND), ("b", SECOND, FIRST), ("b", SECOND)],
        # By the file: in front at once.
        [("a", FIRST), ("a", SECOND, FIRST), ("a", SECOND), ("a", THIRD, SECOND), ("a", THIRD)],
    ],
    ids=["variables", "file"],
)  # fmt: skip
def test_keys_for_secrets_are_rotated_step_by_step(machine, steps):
    for step in steps:
        machine(*step)
        assert starts(), step


@pytest.mark.django_db
@pytest.mark.parametrize("late", [[FIRST], [THIRD, FIRST], [THIRD]])
def test_a_machine_that_lacks_the_newest_key_takes_no_work(machine, late):
    machine("a", FIRST)
    assert starts()
    machine("a", SECOND, FIRST)
    assert starts()
    machine("b", *late)
    assert not starts()


@pytest.mark.django_db
def test_a_process_learns_that_others_have_a_newer_key(machine, monkeypatch, caplog):
    monkeypatch.setattr(same_keys, "LOOK_EVERY", 0.0)
    machine("a", FIRST)
    assert starts()
    watch = same_keys.KeyWatch()
    assert not watch.is_other()
    KeyInUse.objects.create(kind="secrets", fingerprint="of another one")
    assert watch.is_other()
    assert "it takes no work" in caplog.text


@pytest.mark.django_db
def test_lost_keys_are_given_up_by_a_command_that_is_audited(machine):
    place = make_environment()
    machine("a", FIRST)
    assert starts()
    machine("a", SECOND, signing="two")
    assert not starts()
    call_command("accept_keys", stdout=io.StringIO())
    assert same_keys.finding().state == "ok"
    assert starts()
    assert AuditEvent.objects.filter(environment=place, changes={"keys": "accepted"}).exists()
    machine("b", FIRST)
    assert not starts()


@pytest.mark.django_db
def test_nothing_about_a_key_lies_in_the_database(machine):
    machine("a", FIRST, signing="a key that signs")
    assert starts()
    kept = " ".join(map(str, KeyInUse.objects.values_list("fingerprint", flat=True)))
    assert FIRST[:8] not in kept
    assert "signs" not in kept


@pytest.mark.django_db
@pytest.mark.parametrize("words", [["dispatcher"], ["worker", "--cluster", "exports"]], ids=lambda words: words[0])
def test_background_processes_end_with_the_reason(machine, words, monkeypatch):
    monkeypatch.setenv("Q_CLUSTER_NAME", "exports")
    KeyInUse.objects.create(kind="secrets", fingerprint="of another machine")
    machine("b", SECOND)
    with keeping_signals(), pytest.raises(CommandError, match="it takes no work"):
        call_command(*words)


@contextlib.contextmanager
def keeping_signals():
    import signal

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@pytest.mark.django_db(transaction=True)
def test_the_web_server_learns_it_beside_its_work(machine):
    KeyInUse.objects.create(kind="secrets", fingerprint="of another machine")
    machine("b", SECOND)
    said, told = [], threading.Event()
    looked = same_keys.watch_in_thread(lambda text: (said.append(text), told.set()))
    assert told.wait(PATIENCE)
    assert looked.wait(PATIENCE)
    assert "it takes no work" in said[0]


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_a_web_server_with_other_keys_does_not_serve(tmp_path):
    KeyInUse.objects.create(kind="secrets", fingerprint="of another machine")
    at = connection.get_connection_params()
    environment = os.environ | {
        "DATABASE_URL": f"postgresql://{at['user']}@/{at['dbname']}?host={at['host']}&port={at['port']}",
        "WAYBILL_BIND": f"unix:{tmp_path}/web.sock",
        "WAYBILL_DATA_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "config.web_server"], check=False, cwd=REPOSITORY, env=environment,
        capture_output=True, text=True, timeout=STOP_SECONDS,
    )  # fmt: skip
    assert done.returncode == 1
    assert "The keys of this machine (WAYBILL_SECRETS_KEYS) are not those of its database" in done.stderr
