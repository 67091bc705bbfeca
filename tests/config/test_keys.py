"""The keys of an installation."""

import stat

from config import keys


def test_keys_are_made_once_and_readable_by_their_owner_only(tmp_path):
    assert keys.secret_key(tmp_path) == keys.secret_key(tmp_path)
    assert keys.secrets_keys(tmp_path) == keys.secrets_keys(tmp_path)
    files = list((tmp_path / "keys").iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
