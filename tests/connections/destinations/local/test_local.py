"""Local folder: whole files only, under the base only, and nothing of anybody else's touched."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from connections.destinations.base import DeliveryError
from connections.destinations.local.destination import LocalFolder
from connections.destinations.local.form import LocalFolderForm

KEY = "0123456789abcdef"


@pytest.fixture
def base(tmp_path, settings) -> Path:
    settings.LOCAL_FOLDER_BASE = str(tmp_path / "base")
    (tmp_path / "base").mkdir()
    return tmp_path / "base"


def deliver(folder: str, path: str, data: bytes = b"a,b\n1,2\n", key: str = KEY, settles: bool = True) -> None:
    with LocalFolder({"folder": folder}, {}).session(key) as session:
        part = session.open_part(path)
        part.write(data)
        part.publish()
        if settles:
            session.release_claims()


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_files_are_for_the_owner_and_the_group_alone(base):
    deliver("crm", "f.csv")
    assert stat.S_IMODE((base / "crm/f.csv").stat().st_mode) & 0o137 == 0
    assert stat.S_IMODE((base / "crm").stat().st_mode) & 0o027 == 0


def test_a_file_that_appears_at_the_last_moment_is_not_replaced(base, monkeypatch):
    """Between the look and the rename somebody else takes the name."""
    link = os.link
    monkeypatch.setattr(
        os, "link", lambda *args, **kwargs: ((base / "f.csv").write_text("theirs"), link(*args, **kwargs))
    )
    with pytest.raises(DeliveryError, match="was not written by this run"):
        deliver("", "f.csv")
    assert (base / "f.csv").read_text() == "theirs"


def test_where_there_are_no_hard_links_files_are_published_too(base, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    deliver("", "f.csv", b"data")
    assert (base / "f.csv").read_bytes() == b"data"
    assert names(base) == ["f.csv"]


@pytest.mark.parametrize("folder", ["../out", "a/../../out", "..", "a/.."])
def test_a_folder_setting_that_could_leave_the_base_is_refused(base, folder):
    with pytest.raises(DeliveryError):
        deliver(folder, "f.csv")
    form = LocalFolderForm({"folder": folder})
    assert not form.is_valid()
    assert names(base.parent) == []


@pytest.mark.parametrize("folder", ["~", "~/in", "C:/In", r"in\shop", "%HOME%/in", "$HOME/in", "sftp://host/in"])
def test_a_spelling_that_would_be_taken_literally_is_refused_unless_it_is_stored(base, folder):
    assert not LocalFolderForm({"folder": folder}).is_valid()
    assert LocalFolderForm({"folder": folder}, stored={"folder": folder}).is_valid()


@pytest.mark.parametrize("link_at", ["link", "in/link", "in/a/link"])
def test_a_link_in_the_way_is_not_followed(base, link_at):
    outside = base.parent / "outside"
    outside.mkdir()
    (base / "in/a").mkdir(parents=True)
    (base / link_at).symlink_to(outside, target_is_directory=True)
    folder, _slash, rest = link_at.partition("/")
    path = f"{rest}/f.csv" if rest else "f.csv"
    with pytest.raises(DeliveryError, match="link or file has the local folder") as refused:
        deliver(folder, path)
    assert refused.value.permanent
    assert list(outside.iterdir()) == []


def test_a_link_in_the_place_of_the_file_is_not_followed(base):
    outside = base.parent / "outside.txt"
    outside.write_text("precious")
    (base / "f.csv").symlink_to(outside)
    (base / f".g.csv.{KEY}.part").symlink_to(outside)
    with pytest.raises(DeliveryError, match="was not written by this run"):
        deliver("", "f.csv")
    deliver("", "g.csv", b"new")
    assert outside.read_text() == "precious"
    assert not (base / "g.csv").is_symlink()


def test_a_folder_that_becomes_a_link_during_the_run_leads_nowhere(base):
    outside = base.parent / "outside"
    outside.mkdir()
    with LocalFolder({"folder": "in"}, {}).session(KEY) as session:
        part = session.open_part("a/f.csv")
        (base / "in/a").rename(base / "in/moved")
        (base / "in/a").symlink_to(outside, target_is_directory=True)
        part.write(b"data")
        part.publish()
        with pytest.raises(DeliveryError):
            session.open_part("a/g.csv")
    assert list(outside.iterdir()) == []
    assert (base / "in/moved/f.csv").read_bytes() == b"data"


def test_the_base_itself_may_be_a_link_because_the_operator_chose_it(base, settings):
    (base.parent / "alias").symlink_to(base)
    settings.LOCAL_FOLDER_BASE = str(base.parent / "alias")
    deliver("in", "f.csv")
    assert (base / "in/f.csv").exists()


def test_a_name_that_is_too_long_says_so(base):
    with pytest.raises(DeliveryError, match="too long") as refused:
        deliver("", "x" * 250)
    assert refused.value.permanent


def test_a_full_disk_may_pass_and_leaves_no_half_file(base):
    small = base / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        with LocalFolder({"folder": "small"}, {}).session(KEY) as session:
            part = session.open_part("f.csv")
            with pytest.raises(DeliveryError, match="disk of the local folder is full") as refused:
                part.write(b"x" * 200_000)
            part.discard()
        assert not refused.value.permanent
        assert names(small) == []
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_missing_base_says_who_can_help(base, settings):
    settings.LOCAL_FOLDER_BASE = str(base / "gone")
    with pytest.raises(DeliveryError, match="Ask your Waybill operator") as refused:
        deliver("", "f.csv")
    assert "gone" not in refused.value.message
    assert "gone" in refused.value.detail


def test_a_check_stops_at_the_step_that_failed(base):
    (base / "a").write_text("a file")
    steps = list(LocalFolder({"folder": "a/b"}, {}).check())
    assert [step.state for step in steps] == ["done", "failed"]
    assert steps[1].name == "Open or create the folder"


def test_the_type_is_off_until_the_operator_allows_a_directory(settings):
    settings.LOCAL_FOLDER_BASE = ""
    assert not LocalFolder.is_available()
    assert "WAYBILL_LOCAL_FOLDER_BASE" in LocalFolder.why_unavailable()


def test_a_check_says_that_nothing_is_left_when_nothing_is(base):
    for step in LocalFolder({"folder": "crm"}, {}).check():
        if "left behind" in str(step.message):
            assert names(base) == []
            return
    pytest.fail("it does not say so")
