"""`config/install.py`, what make runs first: whole or anew, one at a time, and nothing when all is there."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.until import until

INSTALL = Path(__file__).resolve().parents[2] / "config" / "install.py"
NO_NETWORK = {"PIP_INDEX_URL": "http://127.0.0.1:1/", "PIP_RETRIES": "0", "PIP_NO_INDEX": "1"}


@pytest.fixture
def clone(tmp_path):
    """A directory like a clone, whose requirements ask for nothing."""
    (tmp_path / "config").mkdir()
    shutil.copy(INSTALL, tmp_path / "config" / "install.py")
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


def install(clone: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", clone / "config" / "install.py", "requirements.txt"],
        env=os.environ | NO_NETWORK, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> str:
    """Return what a good installation said."""
    said, _nothing = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


def test_what_is_installed_is_left_alone_without_a_word(clone):
    stamp = clone / ".venv" / "installed.json"
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "python").symlink_to(sys.executable)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    stamp.write_text(json.dumps({"requirements.txt": empty}))
    assert finish(install(clone)) == ""


@pytest.mark.long
def test_killed_installation_is_made_anew_and_two_at_once_make_one(clone):
    killed = install(clone)
    until((clone / ".venv" / "bin").exists, 60)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (clone / ".venv" / "installed.json").exists()
    first, second = install(clone), install(clone)
    said = sorted((finish(first), finish(second)), key=len)
    assert said[0] == "Another make is installing the packages here; waiting for it\n"
    assert said[1].startswith("Creating the virtual environment")
    assert finish(install(clone)) == ""
