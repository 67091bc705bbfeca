"""How many modules of exports/ a run passes on its way: as many files somebody reads who follows one."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from exports.models.states import State
from exports.work.watch import work_until_idle
from roles.roles import Role
from tests.exports.pages import make_run, url
from tests.factories import client_of, make_export, make_member

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]
MOST_TO_THE_QUEUE, MOST_TO_THE_END = 6, 22
ONCE = os.O_WRONLY | os.O_CREAT | os.O_APPEND


@contextmanager
def passed(tmp_path: Path) -> Iterator[list[str]]:
    """The modules of exports/ in which something was called meanwhile, in forked processes too; but for models."""
    modules: list[str] = []
    kept = tmp_path / "passed"
    descriptor = os.open(kept, ONCE)
    known: dict[str, bool] = {}

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name not in known and frame.f_code.co_flags & CO_OPTIMIZED:  # no import
            known[name] = True
            os.write(descriptor, f"{name}\n".encode())

    sys.setprofile(note)
    try:
        yield modules
    finally:
        sys.setprofile(None)
        os.close(descriptor)
        names = {Path(line) for line in kept.read_text().splitlines() if line.startswith(f"{ROOT}/exports/")}
        inside = sorted(path.relative_to(ROOT / "exports").as_posix() for path in names)
        modules += [name for name in inside if not name.startswith("models/")]


@pytest.fixture
def export(environment, segment):
    return make_export(environment, "Calls", segments=[segment])


def test_from_a_click_to_the_queue(export, tmp_path):
    client = client_of(make_member(export.environment, Role.CONTRIBUTOR))
    client.post(url(export.environment, "run"), {"id": export.pk})  # what is imported and cached once
    export.runs.update(state=State.CANCELED)
    with passed(tmp_path) as modules:
        client.post(url(export.environment, "run"), {"id": export.pk})
    assert export.runs.filter(state=State.QUEUED).count() == 1
    assert len(modules) <= MOST_TO_THE_QUEUE, "\n".join(modules)


def test_from_claim_to_end(export, tmp_path):
    make_run(export)
    client = client_of(make_member(export.environment, Role.CONTRIBUTOR))
    client.post(url(export.environment, "run"), {"id": export.pk})
    with passed(tmp_path) as modules:
        assert work_until_idle() == 1
    assert export.runs.latest("pk").state == State.SUCCEEDED
    assert len(modules) <= MOST_TO_THE_END, "\n".join(modules)
