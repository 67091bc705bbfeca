"""A process that dies when its success is recorded, and before its hidden files are gone."""

import os
from pathlib import Path

import pytest

from exports.actions import run_now
from exports.models import Run
from exports.models.states import State
from exports.work.files.carrier import FilesCarrier
from exports.work.watch import work_until_idle
from tests.factories import folder_of, make_environment, make_export, make_segment, make_table

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def export():
    place = make_environment()
    return make_export(place, segments=[make_segment(make_table(place))], refreshes_segments=False)


def hidden(export) -> list[Path]:
    return [path for path in folder_of(export.connection).rglob(".*") if path.is_file()]


def run(export) -> Run:
    found, _is_new = run_now(export, by=None)
    work_until_idle()
    found.refresh_from_db()
    return found


def test_what_it_left_is_known_and_removed_by_the_next_run(export, monkeypatch):
    with monkeypatch.context() as dying:
        dying.setattr(FilesCarrier, "settle", lambda self: os._exit(9))
        first = run(export)
    assert first.state == State.SUCCEEDED
    assert hidden(export)
    assert first.has_leftovers
    second = run(export)
    assert second.state == State.SUCCEEDED
    assert hidden(export) == []
    assert not Run.objects.filter(has_leftovers=True).exists()
