"""What the settings say of themselves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def manage(*arguments: str, data_dir: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WAYBILL_", "DJANGO_ALLOW_"))}
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments],
        env=kept | {"WAYBILL_DATA_DIR": str(data_dir)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
def test_the_deployment_check_is_clean_without_any_setting(tmp_path):
    done = manage("check", "--deploy", "--fail-level", "INFO", data_dir=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WAYBILL_HTTPS", "maybe"),
        ("WAYBILL_EXPORT_WORKERS", "many"),
        ("WAYBILL_EXPORT_WORKERS", "0"),
        ("WAYBILL_ALLOWED_NETWORKS", "10.0.0.1/8"),
        ("DATABASE_URL", "sqlite:///x.db"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_in_one_sentence(tmp_path, name, value):
    done = manage("check", data_dir=tmp_path, **{name: value})
    assert done.returncode != 0
    assert name in done.stderr
    assert "Traceback" not in done.stderr
