"""The keys of an installation, and what secrets may refer to."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from config import keys
from roles.secrets import key_file

REPOSITORY = Path(__file__).resolve().parents[2]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_are_made_once_and_readable_by_their_owner_only(tmp_path):
    assert keys.secret_key(tmp_path) == keys.secret_key(tmp_path)
    file = keys.secrets_keys_file(tmp_path)
    made = file.read_text()
    assert keys.secrets_keys_file(tmp_path).read_text() == made
    files = list((tmp_path / "keys").iterdir())
    assert len(files) == 2
    assert {mode(file) for file in files} == {0o600}
    assert mode(tmp_path / "keys") == 0o700


def test_a_named_file_of_keys_is_never_made(tmp_path):
    with pytest.raises(ImproperlyConfigured, match="there is no file"):
        keys.secrets_keys_file(tmp_path, str(tmp_path / "away"))


def test_replaced_keys_keep_owner_and_mode_and_a_link_stays_one(tmp_path):
    (tmp_path / "real").write_text("old\n")
    (tmp_path / "real").chmod(0o644)
    if os.geteuid() == 0:
        os.chown(tmp_path / "real", 65534, 65534)
    owner = (tmp_path / "real").stat().st_uid
    (tmp_path / "link").symlink_to("real")
    key_file.replace(tmp_path / "link", ["new", "old"])
    assert (tmp_path / "link").is_symlink()
    assert key_file.read(tmp_path / "real") == ["new", "old"]
    assert (mode(tmp_path / "real"), (tmp_path / "real").stat().st_uid) == (0o600, owner)
    assert {path.name for path in tmp_path.iterdir()} == {"real", "link"}


def test_keys_that_are_none_are_refused_by_name_and_not_shown(tmp_path):
    (tmp_path / "keys").write_text("nonsense-key\n")
    for given, path in ((["nonsense-key"], None), ([], tmp_path / "keys")):
        with pytest.raises(ImproperlyConfigured, match="holds no Fernet key") as refused:
            keys.refuse_useless(given, path)
        assert "nonsense" not in str(refused.value)
    keys.refuse_useless(["nonsense-key", Fernet.generate_key().decode()], None)


@pytest.mark.parametrize(
    "prefix", ["", "A", "vault_", "VAULT", "WAYBILL_", "WAYBILL_SECRET_", "WAYBILL_OIDC_", "DATABASE_"]
)
def test_a_prefix_that_opens_waybills_own_variables_is_refused(prefix):
    with pytest.raises(ImproperlyConfigured, match="WAYBILL_SECRETS_ENV_PREFIX"):
        keys.env_prefix(prefix)


@pytest.mark.parametrize("prefix", [keys.ENV_PREFIX, "VAULT_", "WAYBILL_CONNECTION_SECRET_CRM_"])
def test_a_prefix_of_its_own_is_taken(prefix):
    assert keys.env_prefix(prefix) == prefix


def test_a_directory_for_secrets_must_not_hold_waybills_own_keys(tmp_path):
    own = keys.secrets_keys_file(tmp_path)
    for place in (tmp_path, tmp_path / "keys", Path("/"), Path("relative")):
        with pytest.raises(ImproperlyConfigured, match="WAYBILL_SECRETS_DIR"):
            keys.secrets_dir(str(place), tmp_path, own)
    assert keys.secrets_dir("", tmp_path, own) is None
    assert keys.secrets_dir(str(tmp_path / "vault"), tmp_path, own) == tmp_path / "vault"


def test_the_doctor_says_which_variable_of_secrets_is_wrong(tmp_path):
    answer = subprocess.run(
        [sys.executable, "manage.py", "doctor"], cwd=REPOSITORY, check=False, capture_output=True, text=True,
        timeout=240, env=os.environ | {"WAYBILL_DATA_DIR": str(tmp_path), "WAYBILL_SECRETS_KEYS": "planted-key"},
    )  # fmt: skip
    assert answer.returncode == 1
    assert "WAYBILL_SECRETS_KEYS holds no Fernet key" in answer.stdout
    assert "planted-key" not in answer.stdout + answer.stderr
