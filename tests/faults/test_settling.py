"""A run that began to publish is delivered, whatever stopped it on the way: no such run ends as failed unlooked at."""

import itertools
import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F
from django.db.models.functions import Now

from connections.destinations.base import DeliveryError
from connections.destinations.local.session import LocalPart
from connections.destinations.sftp.part import SftpPart
from exports import actions
from exports.models import Export, Run
from exports.models.states import DELIVERED, State
from exports.runs import lifecycle, queue, unstick
from exports.work.watch import watch, work_until_idle
from tests.exports.work.data_out import make_data_out
from tests.exports.work.test_run import run_to_end
from tests.factories import make_connection, make_environment, make_member, make_segment, make_table
from tests.servers.odd_sftp import PASSWORD, running_odd
from tests.servers.sshd import running_sshd
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = 4  # a table, a member list, model.json and the manifest
SPENT = 3  # claims
# Between the first name and the recorded success: before and after each name.
POINTS = [(number, moment) for number in range(1, NAMES + 1) for moment in ("recorded", "named")]


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def cut() -> None:
    raise DeliveryError("The line was cut.", detail="cut")


def refuse() -> None:
    raise DeliveryError("The server refuses it.", detail="refused", permanent=True)


def stumble() -> None:
    raise ValueError


STRIKES = [kill, cut, refuse, stumble]


class Place:
    """An export of four files, and the folder in which they arrive."""

    def __init__(self, folder: Path, **connection: object) -> None:
        environment = make_environment()
        self.person = make_member(environment)
        self.table = make_table(environment)
        where = make_connection(environment, **{"type": "sftp"} | connection)
        if where.type == "sftp":
            where.set_secrets(self.secrets)
            where.save()
        self.export = make_data_out(environment, [self.table], [make_segment(self.table)], connection=where)
        self.export.tolerance = None
        self.export.save()
        self.folder = folder

    secrets: dict[str, str] = {"password": PASSWORD}

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())

    def strike(self, number: int, moment: str, strike: Callable[[], None], claims: int = SPENT) -> Run:
        """Begin a run, the last of its claims, and let it be struck at its file `number`; return the run."""
        run, _is_new = actions.run_now(self.export, by=None)
        Run.objects.filter(pk=run.pk).update(claims=claims - 1)
        with pytest.MonkeyPatch.context() as patch:
            for part in (LocalPart, SftpPart):
                patch.setattr(part, "publish", _struck(part.publish, number, moment, strike))
            watch(queue.claim())
        run.refresh_from_db()
        return run

    def settle(self, run: Run) -> Run:
        """Carry out what is left of the run, its waits left out."""
        for _claim in range(5):
            Run.objects.filter(pk=run.pk).update(not_before=Now())
            work_until_idle()
        run.refresh_from_db()
        return run

    def is_delivered(self, run: Run, *, taken: bool = False) -> None:
        """It says so, with its counts, and so does the target; nothing is left behind."""
        assert (run.state, run.rows_done, run.has_leftovers) == (State.SUCCEEDED, 10, False), run.message
        assert {step["state"] for step in run.steps} == {"done"}
        assert [name for name in self.files() if name.startswith(".")] == []
        if taken:
            return
        manifests = [json.loads(path.read_text())["run"] for path in self.folder.rglob("manifest.json")]
        assert Counter(manifests)[str(run.uuid)] == 1
        (model,) = self.folder.rglob("model.json")
        assert str(run.uuid) in model.read_text()


def _struck(publish: Callable, number: int, moment: str, strike: Callable[[], None]) -> Callable:
    count = 0

    def struck(self: object) -> None:
        nonlocal count
        count += 1
        if (count, moment) == (number, "recorded"):
            strike()
        publish(self)
        if (count, moment) == (number, "named"):
            strike()

    return struck


@pytest.fixture
def local(settings, tmp_path):
    settings.LOCAL_FOLDER_BASE = str(tmp_path)
    return Place(tmp_path / "out", type="local", settings={"folder": "out"})


@pytest.fixture
def server():
    with running_odd() as server:
        yield server


@pytest.fixture
def sshd(tmp_path):
    (tmp_path / "sshd").mkdir()
    (tmp_path / "files").mkdir()
    with running_sshd(tmp_path / "sshd") as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Place, "secrets", server.secrets())
        yield Place(tmp_path / "files", settings=server.settings(folder=str(tmp_path / "files")))


def test_each_strike_is_followed_by_a_look_at_what_arrived(local):
    run_to_end(local.export)
    for strike in STRIKES:
        run = local.strike(2, "recorded", strike)
        assert run.state in (State.QUEUED, State.RETRYING), strike
        assert "Waybill checks the destination" in run.message
        local.is_delivered(local.settle(run))
        assert (run.claims, run.settling_claims) == (0 if strike is cut else SPENT, 1)
    said = [str(line.text) for line in run.lines.order_by("pk")]
    began = said.index("Started again to check what arrived at the destination")
    assert said[began + 1 : began + 2] == ["Check what arrived at the destination …"]
    assert said[began + 2].startswith("Check what arrived at the destination · 4 of 4 files arrived · done")


@pytest.mark.long
@pytest.mark.parametrize("place", ["local", "sshd"])
def test_at_each_point_with_every_number_of_claims(place, request):
    """Each strike meets each number of claims, at points in turn; a kill with none left comes at each of them."""
    place = request.getfixturevalue(place)
    run_to_end(place.export)
    others = list(itertools.product(STRIKES, range(1, SPENT)))
    for index, point in enumerate(POINTS):
        for strike, claims in ((kill, SPENT), others[index % len(others)]):
            place.is_delivered(place.settle(place.strike(*point, strike, claims)))


def no_time(place: Place, run: Run) -> None:
    """It has been tried for long."""
    Run.objects.filter(pk=run.pk).update(started_at=F("started_at") - timedelta(days=1))


def nothing_to_send(place: Place, run: Run) -> None:
    """A second plan would be held."""
    with writer() as connection:
        connection.execute(f'DELETE FROM "{run.environment.warehouse_schema}"."{place.table.name}"')


def not_sendable(place: Place, run: Run) -> None:
    """A second plan would fail for good."""
    Export.objects.filter(pk=place.export.pk).update(kind="segments")
    place.export.export_segments.all().delete()


def canceled(place: Place, run: Run) -> None:
    assert not lifecycle.cancel(run, by=place.person)
    with pytest.raises(actions.CannotDetachError):
        actions.detach(place.export, by=place.person)
    with pytest.raises(actions.CannotRemoveError):
        actions.remove(place.export, by=place.person)


def ended_by_support(place: Place, run: Run) -> None:
    with pytest.raises(unstick.NotStuckError, match="checks the destination first"):
        unstick.end_as_failed(run, by=place.person)


def lost_again(place: Place, run: Run) -> None:
    """Workers die while they look, more often than claims allow, and the dispatcher puts the run back."""
    for _time in range(5):
        Run.objects.filter(pk=run.pk).update(not_before=Now())
        queue.claim()
        Run.objects.filter(pk=run.pk).update(lease_until=Now() - timedelta(seconds=1))
        assert queue.reap() == 1


WAYS = [no_time, nothing_to_send, not_sendable, canceled, ended_by_support, lost_again]


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_no_other_way_ends_it_either(local, way):
    for number, strike in ((1, kill), (1, cut), (4, refuse)):
        run = local.strike(number, "recorded", strike)
        way(local, run)
        local.is_delivered(local.settle(run))
        if way in (nothing_to_send, not_sendable):  # nothing is left to begin a second run with
            break


def test_until_the_target_answers_it_is_retried(local, tmp_path):
    run = local.strike(2, "named", kill)
    shutil.move(tmp_path, tmp_path.with_name("away"))
    no_time(local, run)
    local.settle(run)
    assert (run.state, run.tries) == (State.RETRYING, 6)  # the second one at once
    canceled(local, run)
    ended_by_support(local, run)
    shutil.move(tmp_path.with_name("away"), tmp_path)
    local.is_delivered(local.settle(run))


@pytest.mark.parametrize("point", [(1, "named"), (NAMES, "named"), (3, "recorded")])
def test_a_file_that_the_server_took_away_counts_as_delivered(server, tmp_path, point):
    place = Place(tmp_path, settings=server.settings(server.account(tmp_path, "taken-on-rename")))
    run = place.settle(place.strike(*point, kill))
    place.is_delivered(run, taken=True)
    assert place.files() == []


@pytest.mark.parametrize("oddity", ["no-read", "no-size", "wrong-size"])
def test_sizes_or_checksums_are_compared_as_the_server_allows(server, tmp_path, oddity):
    place = Place(tmp_path, settings=server.settings(server.account(tmp_path, oddity)))
    place.is_delivered(place.settle(place.strike(2, "named", kill)))


def test_what_cannot_be_completed_is_sent_anew_or_fails_with_the_truth(local):
    def without_parts(claims: int) -> Run:
        run = local.strike(2, "named", kill, claims)
        for part in local.folder.rglob(".*.part"):
            part.unlink()
        return local.settle(run)

    run = without_parts(SPENT)
    assert (run.state, run.reason) == (State.FAILED, "Delivery incomplete")
    assert "2 of 4 files arrived" in run.message
    for path in local.folder.rglob("*_1.csv"):
        path.unlink()
    local.is_delivered(without_parts(SPENT - 1))


def test_a_file_that_stands_in_the_way_fails_the_run_with_what_arrived(local):
    def stands_in_the_way() -> None:
        (path,) = local.folder.rglob(".*_1.csv.*.part")
        path.with_name(path.name[1:].partition(".csv")[0] + ".csv").write_text("theirs")

    run = local.strike(1, "named", stands_in_the_way)
    assert run.state == State.RETRYING
    local.settle(run)
    assert run.state == State.FAILED
    assert "already exists and was not written by this run" in run.message
    assert "1 of 4 files arrived" in run.message
    assert run.export.runs.filter(state__in=DELIVERED).count() == 0


def test_a_run_whose_connection_is_gone_ends_by_what_is_recorded(local):
    for number, end in ((NAMES, State.SUCCEEDED), (1, State.FAILED)):
        run = local.strike(number, "named", kill)
        Run.objects.filter(pk=run.pk).update(connection=None)
        assert local.settle(run).state == end
