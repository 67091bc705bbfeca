"""Paths for programs that must not read the settings, which would create keys."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def data_dir() -> Path:
    """Return the directory of keys, logs and the embedded database."""
    return Path(os.environ.get("WAYBILL_DATA_DIR") or ROOT / "var").absolute()
