"""How the tests are spread over processes, and what each process leaves behind."""

from collections import Counter
from contextlib import suppress
from zlib import crc32

import psutil
import pytest

# What needs seconds for each test goes first, so that no process is left alone with it at the end.
FIRST = ("tests/e2e", "tests/faults", "tests/leaks", "tests/config", "tests/roles/test_access_table.py")


# Files whose tests take minutes together and share nothing that is costly to make twice.
DIVIDED = ("tests/e2e/test_axe.py", "tests/exports/schedules/test_recurrence.py", "tests/roles/test_access_table.py")
PARTS = 6


def unit_of(nodeid: str) -> str:
    """Name what stays in one process: a file, or a part of one. Each process has a portal and a browser of its own."""
    path = nodeid.partition("::")[0]
    return f"{path} {crc32(nodeid.encode()) % PARTS}" if path in DIVIDED else path


def in_order_of_weight(items: list[pytest.Item]) -> None:
    """Put the longest units first; within one the order stays."""
    sizes = Counter(unit_of(item.nodeid) for item in items)

    def weight(item: pytest.Item) -> tuple[int, int, str]:
        unit = unit_of(item.nodeid)
        rank = next((rank for rank, start in enumerate(FIRST) if unit.startswith(start)), len(FIRST))
        return rank, -sizes[unit], unit

    items.sort(key=weight)


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
