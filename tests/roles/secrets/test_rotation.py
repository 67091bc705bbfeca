"""Rotation of the keys that encrypt secrets, end to end: as an operator does it, while other processes work."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet, MultiFernet
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from connections.models import Connection
from roles.models import AuditEvent
from roles.secrets import key_file, rotation, store
from tests.factories import make_connection, make_environment, make_user

REPOSITORY = Path(__file__).resolve().parents[3]
SECOND_PROCESS = """
import sys, django
django.setup()
from roles.secrets.store import encrypt, unseal
for line in sys.stdin:
    print(unseal(line.strip()).values["password"], encrypt({"password": "from there"}), flush=True)
"""


@pytest.fixture
def key(tmp_path, settings):
    """A key file with one key."""
    path = tmp_path / "keys"
    path.write_text(key_file.new_key() + "\n")
    path.chmod(0o600)
    settings.SECRETS_KEYS, settings.SECRETS_KEYS_FILE = [], path
    return path


@pytest.fixture
def stored(db, key):
    """A connection with a secret."""
    return connection_with("hidden", name="Partner")


def connection_with(password: str, **values) -> Connection:
    made = make_connection(values.pop("environment", None) or make_environment(), **values)
    made.set_secrets({"password": password})
    made.save()
    return made


def rotate(*options: str) -> str:
    out = StringIO()
    call_command("rotate_secrets", *options, stdout=out)
    return out.getvalue()


def opens(key: str, text: str) -> bool:
    return rotation._opens(Fernet(key), text)


def token_of(made: Connection) -> str:
    return Connection.objects.values_list("encrypted_secrets", flat=True).get(pk=made.pk)


def test_a_new_key_is_put_in_front_and_everything_gets_it(stored, key):
    (old,) = key_file.read(key)
    before = stored.updated_at
    said = rotate("--new-key")
    new, second = key_file.read(key)
    assert (second, stat.S_IMODE(key.stat().st_mode)) == (old, 0o600)
    assert opens(new, token_of(stored))
    assert not opens(old, token_of(stored))
    stored.refresh_from_db()
    assert (stored.secrets, stored.updated_at) == ({"password": "hidden"}, before)
    assert "Re-encrypted with the newest key: 1" in said
    assert all(word not in said for word in (old, new, "hidden", token_of(stored)))


def test_a_second_time_finds_nothing_to_do(stored, key):
    rotate("--new-key")
    token = token_of(stored)
    said = rotate()
    assert "Re-encrypted with the newest key: 0" in said
    assert "Had it already: 1" in said
    assert token_of(stored) == token


def test_second_factors_get_the_new_key_too(db, key):
    tokens = {"secret": store.encrypt({"value": "seed"}), "migrated_codes": [store.encrypt({"value": "code"})]}
    factor = Authenticator.objects.create(user=make_user(), type="totp", data=tokens | {"used": 3, "mark": "plain"})
    rotate("--new-key")
    new = key_file.read(key)[0]
    factor.refresh_from_db()
    assert opens(new, factor.data["secret"])
    assert opens(new, factor.data["migrated_codes"][0])
    assert store.decrypt(factor.data["secret"]) == {"value": "seed"}
    assert (factor.data["used"], factor.data["mark"]) == (3, "plain")


def test_what_no_key_reads_is_named_left_alone_and_stops_nothing(stored, key):
    other = make_environment(name="Contoso")
    for name, text in (("Gibberish", "gibberish"), ("Foreign", Fernet(Fernet.generate_key()).encrypt(b"{}").decode())):
        Connection.objects.filter(pk=make_connection(other, name).pk).update(encrypted_secrets=text)
    said = rotate("--new-key")
    assert "Re-encrypted with the newest key: 1" in said
    assert "Cannot be read with any key: 2" in said
    assert "connection “Gibberish” in Contoso: enter it again" in said
    assert Connection.objects.get(name="Gibberish").encrypted_secrets == "gibberish"


def test_more_rows_than_a_batch_are_all_walked(stored, key, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 2)
    for number in range(4):
        connection_with(f"hidden {number}", environment=stored.environment)
    assert "Re-encrypted with the newest key: 5" in rotate("--new-key")
    assert [event.changes for event in AuditEvent.objects.filter(changes__has_key="rotated").order_by("pk")] == [
        {"rotated": 2}, {"rotated": 2}, {"rotated": 1},
    ]  # fmt: skip


def test_rotation_is_audited_without_a_secret(stored, key):
    rotate("--new-key")
    events = list(AuditEvent.objects.filter(action="rotate_secrets").order_by("pk").values())
    assert [event["changes"] for event in events] == [{"keys": "added"}, {"rotated": 1}]
    assert {event["environment_id"] for event in events} == {stored.environment_id}
    text = json.dumps(events, default=str)
    assert all(word not in text for word in (*key_file.read(key), "hidden", token_of(stored)))


def test_old_keys_are_kept_until_nothing_can_need_them(stored, key, monkeypatch):
    rotate("--new-key")
    with pytest.raises(CommandError, match=r"Kept the older keys\. The older keys can go from"):
        rotate("--drop-old")
    assert len(key_file.read(key)) == 2
    monkeypatch.setattr(rotation, "GRACE", timedelta(0))
    late = MultiFernet([Fernet(key_file.read(key)[1])]).encrypt(b'{"password": "late"}').decode()
    Connection.objects.filter(pk=stored.pk).update(encrypted_secrets=late)
    with pytest.raises(CommandError, match="Kept the older keys"):
        rotate("--drop-old")
    assert len(key_file.read(key)) == 2
    said = rotate("--drop-old")
    assert "Removed the older keys" in said
    assert len(key_file.read(key)) == 1
    stored.refresh_from_db()
    assert stored.secrets == {"password": "late"}
    assert "There is only one key" in rotate("--drop-old")


def test_keys_of_the_environment_are_changed_by_hand(db, settings):
    settings.SECRETS_KEYS, settings.SECRETS_KEYS_FILE = [key_file.new_key(), key_file.new_key()], None
    for option in ("--new-key", "--drop-old"):
        with pytest.raises(CommandError, match="change it yourself") as refused:
            rotate(option)
        assert not any(key in str(refused.value) for key in settings.SECRETS_KEYS)
    stored = connection_with("hidden")
    settings.SECRETS_KEYS = [key_file.new_key(), *settings.SECRETS_KEYS]
    said = rotate()
    assert "take them out of WAYBILL_SECRETS_KEYS" in said
    assert opens(settings.SECRETS_KEYS[0], token_of(stored))


def test_a_bad_key_stops_it_before_anything_is_changed(stored, key):
    token = token_of(stored)
    key.write_text("nonsense\n" + key.read_text())
    with pytest.raises(CommandError, match="not a Fernet key"):
        rotate("--new-key")
    assert (token_of(stored), len(key_file.read(key))) == (token, 2)


def test_a_key_file_that_goes_away_leaves_the_keys_that_it_had(stored, key):
    assert stored.secrets == {"password": "hidden"}
    text = key.read_text()
    for broken in (key.unlink, lambda: key.write_text("nonsense")):
        broken()
        assert stored.secrets == {"password": "hidden"}
    key.write_text(text)


# --- several processes


@pytest.fixture
def other_process(key):
    """A process that has read the keys already: write it a token, it answers with the secret and one of its own."""
    environment = os.environ | {"WAYBILL_SECRETS_KEYS_FILE": str(key), "DJANGO_SETTINGS_MODULE": "config.settings"}
    process = subprocess.Popen(
        [sys.executable, "-c", SECOND_PROCESS], cwd=REPOSITORY, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip

    def ask(token: str) -> tuple[str, str]:
        process.stdin.write(token + "\n")
        process.stdin.flush()
        password, _space, own = process.stdout.readline().strip().partition(" ")
        return password, own

    yield ask
    process.stdin.close()
    process.stdout.close()
    process.wait(timeout=60)


def test_a_process_that_started_with_the_old_key_reads_and_writes_with_the_new_one(stored, key, other_process):
    old = key_file.read(key)[0]
    password, token = other_process(token_of(stored))
    assert password == "hidden"
    assert opens(old, token)
    rotate("--new-key")
    password, token = other_process(token_of(stored))
    assert password == "hidden"
    assert opens(key_file.read(key)[0], token)


@pytest.mark.django_db(transaction=True)
def test_an_edit_at_the_same_time_is_not_undone(key):
    stored = connection_with("hidden")
    key_file.replace(key, [key_file.new_key(), *key_file.read(key)])
    reports = []

    def work():
        try:
            reports.append(rotation.rotate())
        finally:
            connections.close_all()

    with transaction.atomic():
        edited = Connection.objects.select_for_update().get(pk=stored.pk)
        thread = threading.Thread(target=work)
        thread.start()
        wait_for_a_lock()
        edited.set_secrets({"password": "entered meanwhile"})
        edited.save()
    thread.join(timeout=60)
    assert (reports[0].rotated, reports[0].current) == (0, 1)
    stored.refresh_from_db()
    assert stored.secrets == {"password": "entered meanwhile"}


def wait_for_a_lock() -> None:
    from tests.until import until

    def is_waiting() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return cursor.fetchone()[0] > 0

    until(is_waiting)


@pytest.mark.django_db(transaction=True)
def test_only_one_rotates_at_a_time(key):
    refusals = []

    def work():
        try:
            rotate()
        except CommandError as error:
            refusals.append(str(error))
        finally:
            connections.close_all()

    with rotation.exclusive():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(timeout=60)
    assert refusals == ["Another rotate_secrets is running; wait for it to finish."]
    rotate()


@pytest.mark.django_db(transaction=True)
def test_who_is_killed_in_the_middle_is_started_again(key, monkeypatch):
    environment = make_environment()
    made = [connection_with(f"hidden {number}", environment=environment) for number in range(6)]
    key_file.replace(key, [key_file.new_key(), *key_file.read(key)])
    child = os.fork()
    if not child:
        connections.close_all()
        _rotate_until_killed()
    _pid, status = os.waitpid(child, 0)
    connections.close_all()
    assert os.WTERMSIG(status) == signal.SIGKILL
    new = key_file.read(key)[0]
    assert sum(opens(new, token_of(one)) for one in made) == 2
    assert "Re-encrypted with the newest key: 4" in rotate()
    assert [Connection.objects.get(pk=one.pk).secrets["password"] for one in made] == [f"hidden {n}" for n in range(6)]


def _rotate_until_killed() -> None:
    """In a child: batches of two, killed in the second one."""
    try:
        rotation.BATCH = 2
        renew, seen = rotation._renew, []

        def counted(*args):
            seen.append(1)
            if len(seen) == 4:
                os.kill(os.getpid(), signal.SIGKILL)
            return renew(*args)

        rotation._renew = counted
        rotation.rotate()
    finally:
        os._exit(3)
