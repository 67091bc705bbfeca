"""A data-out run that dies while it publishes, and the same over a real SFTP server."""

import os
import signal
from contextlib import contextmanager

import pytest

from connections.destinations.local.destination import LocalFolder
from connections.destinations.registry import registered
from exports import actions
from exports.models import Run
from exports.models.states import State
from exports.runs import queue
from exports.work.watch import watch
from tests.exports.work.data_out import make_data_out, make_orders, manifest_of, read_model, root_of
from tests.exports.work.test_run import delivered, run_to_end
from tests.factories import make_connection, make_environment, make_segment, make_table
from tests.servers.odd_sftp import PASSWORD, running_odd
from tests.servers.sshd import running_sshd

pytestmark = pytest.mark.django_db(transaction=True)


class DeadlyFolder(LocalFolder):
    """Kills the process that publishes `deadly` there, `before` or after it has its name."""

    slug, label = "deadly", "Deadly folder"
    deadly, before = "", False

    @contextmanager
    def session(self, run_key):
        with super().session(run_key) as session:
            opened, left = session.open_part, session.left_part

            def left_part(path, *facts, **over):
                part = left(path, *facts, **over)
                return part and DeadlyPart(part, path)

            session.open_part = lambda path, **over: DeadlyPart(opened(path, **over), path)
            session.left_part = left_part
            yield session


class DeadlyPart:
    def __init__(self, part, path):
        self.write, self.discard, self.complete = part.write, part.discard, part.complete
        self._part, self._path = part, path

    def publish(self):
        is_deadly = bool(DeadlyFolder.deadly) and self._path.endswith(DeadlyFolder.deadly)
        if is_deadly and DeadlyFolder.before:
            os.kill(os.getpid(), signal.SIGKILL)
        self._part.publish()
        if is_deadly:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def deadly(monkeypatch):
    """Say what kills the next attempt, and when; nothing kills the ones after that."""
    with registered(DeadlyFolder):
        yield lambda path, before=False: (
            monkeypatch.setattr(DeadlyFolder, "deadly", path),
            monkeypatch.setattr(DeadlyFolder, "before", before),
        )


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture
def orders(environment):
    return make_orders(make_table(environment))


@pytest.fixture
def export(environment, orders, deadly):
    return make_data_out(environment, [orders], name="Lake", connection=make_connection(environment, type="deadly"))


def attempt(run: Run) -> Run:
    """Let one attempt of the run go as far as it gets."""
    Run.objects.filter(pk=run.pk).update(not_before=run.queued_at)
    watch(queue.claim())
    run.refresh_from_db()
    return run


def visible(export) -> set[str]:
    return {name.rpartition("/")[2] for name in delivered(export.connection) if "/." not in name}


@pytest.mark.parametrize(
    "path, before", [("Orders_1.csv", False), ("model.json", True), ("model.json", False), ("manifest.json", True)]
)
def test_an_attempt_killed_while_publishing_is_completed_by_the_next(export, deadly, path, before):
    first = run_to_end(export)
    deadly(path, before)
    run, _is_new = actions.run_now(export, by=None)
    assert attempt(run).state == State.QUEUED
    if before:
        assert attempt(run).state == State.QUEUED  # dies at the same place
    deadly("")
    assert attempt(run).state == State.SUCCEEDED, run.message
    assert (run.claims, run.settling_claims) == (1, 1 + before)
    assert run.folder != first.folder
    assert visible(export) == {"Orders_1.csv", "manifest.json", "model.json"}
    assert not [name for name in delivered(export.connection) if "/." in name]
    assert manifest_of(run)["run"] == str(run.uuid)
    assert len(read_model(root_of(export))[1]["Orders"]) == 3


def test_the_very_first_model_of_a_run_that_was_given_up_is_replaced_by_the_next_run(export, deadly):
    deadly("model.json")
    run, _is_new = actions.run_now(export, by=None)
    assert attempt(run).state == State.QUEUED
    deadly("")
    for part in root_of(export).rglob(".*.part"):  # the manifest
        part.unlink()
    Run.objects.filter(pk=run.pk).update(claims=3)
    assert attempt(run).state == State.FAILED
    assert "2 of 3 files arrived" in run.message
    later = run_to_end(export)
    assert later.state == State.SUCCEEDED, later.message
    assert later.folder in (root_of(export) / "model.json").read_text()


def test_data_out_over_sftp_replaces_its_model_and_refuses_a_foreign_one(environment, orders, tmp_path):
    with running_sshd(tmp_path / "sshd") as server:
        where = make_connection(environment, type="sftp", settings=server.settings())
        where.set_secrets(server.secrets())
        where.save()
        everybody = make_segment(orders.relationships.get().to_table, "Everybody")
        export = make_data_out(environment, [orders], [everybody], name="Lake", connection=where)
        for _number in range(2):
            run = run_to_end(export)
            assert run.state == State.SUCCEEDED, f"{run.message} {run.detail}"
        (model,) = server.files.rglob("model.json")
        assert len(read_model(model.parent)[1]["Everybody"]) == 5
        model.write_text("{}")
        assert run_to_end(export).state == State.FAILED
        assert len(list(server.files.rglob("Orders_1.csv"))) == 2
        assert model.read_text() == "{}"


@pytest.mark.parametrize(
    "oddities",
    [("one-session", "foreign-names", "missing-4"), ("no-excl", "missing-3", "latin-text", "no-posix-rename")],
    ids="+".join,
)
def test_data_out_replaces_its_model_on_odd_servers_with_one_log_in_each_time(environment, orders, tmp_path, oddities):
    with running_odd() as server:
        account = server.account(tmp_path, *oddities)
        where = make_connection(environment, type="sftp", settings=server.settings(account, folder="in"))
        where.set_secrets({"password": PASSWORD})
        where.save()
        export = make_data_out(environment, [orders], name="Lake", connection=where)
        runs = [run_to_end(export) for _number in range(2)]
        Run.objects.filter(pk=runs[0].pk).update(has_leftovers=True)  # as if it had died
        runs.append(run_to_end(export))
    assert [run.state for run in runs] == [State.SUCCEEDED] * 3, [f"{run.message} {run.detail}" for run in runs]
    assert account.log_ins == 3
    found = [one.name for one in tmp_path.rglob("*") if one.is_file()]
    assert sorted(found) == ["Orders_1.csv"] * 3 + ["manifest.json"] * 3 + ["model.json"]
    assert runs[-1].folder in next(tmp_path.rglob("model.json")).read_text()
