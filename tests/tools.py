"""What a test needs beyond Python: skipped with the install line when it is not there, a failure in CI."""

import os
import shutil
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).resolve().parents[2] / "shared" / "contracts"
PLACES = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
missing: dict[str, str] = {}  # what → how to get it; shown at the end of the session
left: list[str] = []  # command lines of processes that outlived their test


def require_tool(name: str, install: str) -> Path:
    """Return the path of program `name`; without it skip (fail when CI=true) and say `install`."""
    found = shutil.which(name, path=PLACES)
    if not found:
        lacking(name, install)
    return Path(str(found))


def require_chromium() -> Path:
    """Return Debian's Chromium: its headless shell, which takes a fifth of the processor's time, else the whole."""
    whole = shutil.which("chromium", path=PLACES)
    shell = shutil.which("chromium-headless-shell", path=PLACES)
    return Path(shell or whole or require_tool("chromium-headless-shell", "apt-get install chromium-headless-shell"))


def require_contracts() -> Path:
    """Return the directory of the vendors' contracts, which lies beside the repository."""
    if not CONTRACTS.is_dir():
        lacking("../shared/contracts", "put the vendors' contracts beside the repository")
    return CONTRACTS


def lacking(what: str, how: str) -> None:
    """Skip the test, or fail it in CI, because `what` is missing, and say `how` to get it."""
    missing[what] = how
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing: {how}", pytrace=False)
    pytest.skip(f"{what} is missing: {how}")
