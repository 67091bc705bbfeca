"""How the tests are spread over processes, which get a second chance, and what each process leaves behind."""

from collections import Counter
from contextlib import suppress
from typing import Any

import psutil
import pytest

# What needs seconds for each test goes first, so that no process is left alone with it at the end.
FIRST = ("tests/e2e", "tests/faults", "tests/leaks", "tests/config", "tests/roles/test_access_table.py")
# Fixtures that stand for other programs: what a busy machine does to those says nothing about Waybill.
PROGRAMS = {"chromium", "sshd", "own_sshd", "demo_sftp", "provider"}
SERVED = (
    *("tests/e2e/", "tests/faults/", "tests/leaks/test_portal.py", "tests/connections/test_sftp"),
    *("tests/config/test_embedded_postgres.py", "tests/config/test_install.py", "tests/config/test_demo_sftp.py"),
    *("tests/config/test_ports.py", "tests/segments/test_import_command.py"),
)


def unit_of(nodeid: str) -> str:
    """Name what stays in one process: a file, or all that share the browser and its portal."""
    path = nodeid.partition("::")[0]
    return "tests/e2e" if path.startswith("tests/e2e/") else path


def in_order_of_weight(items: list[pytest.Item]) -> None:
    """Put the longest units first; within one the order stays."""
    sizes = Counter(unit_of(item.nodeid) for item in items)

    def weight(item: pytest.Item) -> tuple[int, int, str]:
        unit = unit_of(item.nodeid)
        rank = next((rank for rank, start in enumerate(FIRST) if unit.startswith(start)), len(FIRST))
        return rank, -sizes[unit], unit

    items.sort(key=weight)


def give_second_chance(items: list[pytest.Item]) -> None:
    """Let a test that drives other programs fail once; those that passed only then are named at the end."""
    for item in items:
        if item.nodeid.startswith(SERVED) or PROGRAMS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.flaky(reruns=1))


def passed_only_the_second_time(stats: dict[str, list[Any]]) -> dict[str, str]:
    """Return test → why it failed the first time."""
    passed = {report.nodeid for report in stats.get("passed", [])}
    return {again.nodeid: again.longreprtext for again in stats.get("rerun", []) if again.nodeid in passed}


def end_what_is_left() -> list[str]:
    """Kill every process below this one; return their command lines."""
    left = psutil.Process().children(recursive=True)
    names = list(filter(None, map(_command, left)))
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=10)
    return names


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:200]
    except psutil.Error:
        return ""


def scheduler(config: pytest.Config, log: object) -> object:
    """Return what hands out whole units, in the order in which they were collected."""
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    config.option.loadscopereorder = False
    return ByUnit(config, log)
