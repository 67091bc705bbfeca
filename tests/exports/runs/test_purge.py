"""What is older than it is kept goes at night; what a status rests on, and the audit log, stays."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_q.models import Failure, OrmQ, Success, Task

from exports.models import Alert, AlertChannel, AlertDelivery, Export, RefreshPart, Run, RunLine, SystemRefresh
from exports.models.states import ACTIVE, State
from exports.runs import purge as purging
from exports.tasks import purge
from roles.audit import audit
from roles.models import AuditEvent
from tests.exports.pages import OWNED, make_run
from tests.factories import make_environment, make_export

pytestmark = pytest.mark.django_db
LONG_AGO = timezone.now() - timedelta(days=731)


@pytest.fixture(autouse=True)
def not_looked_yet(monkeypatch):
    monkeypatch.setattr(purging, "_looked_at", None)


@pytest.fixture
def export(environment):
    """An export whose status rests on a run of today."""
    export = make_export(environment)
    make_run(export, ended_at=timezone.now())
    return export


def old(export, state=State.FAILED, **values):
    """A run of long ago, with two lines of log."""
    ended = {"started_at": LONG_AGO, "ended_at": LONG_AGO} if state not in ACTIVE else {}
    owner = OWNED if state == State.RUNNING else {}
    values = {"trigger": "schedule", "queued_at": LONG_AGO} | ended | owner | values
    run = Run.objects.create(environment=export.environment, export=export, state=state, **values)
    RunLine.objects.bulk_create(RunLine(run=run, at=LONG_AGO, text=text) for text in ("Started", "Ended"))
    return run


def left(*runs):
    """Those of `runs` that are still there."""
    present = set(Run.objects.values_list("pk", flat=True))
    return [run for run in runs if run.pk in present]


def test_an_old_run_goes_with_its_log_and_a_newer_one_stays(export):
    gone = old(export)
    young = old(export, queued_at=timezone.now() - timedelta(days=729), ended_at=timezone.now() - timedelta(days=729))
    removed, is_done = purging.purge()
    assert left(gone, young) == [young]
    assert is_done
    assert removed == {"exports.Run": 1, "exports.RunLine": 2}
    assert RunLine.objects.filter(run=young).count() == 2


@pytest.mark.parametrize("state", ACTIVE)
def test_a_run_that_has_not_ended_stays(environment, state):
    run = old(make_export(environment), state)
    purging.purge()
    assert left(run) == [run]


def test_a_run_that_ended_lately_stays_however_long_it_waited(export):
    run = old(export, State.CANCELED, ended_at=timezone.now())
    purging.purge()
    assert left(run) == [run]


def test_the_last_run_of_an_export_stays(environment):
    export = make_export(environment)
    run, other = old(export), old(export)
    Export.objects.filter(pk=export.pk).update(last_run=run)
    purging.purge()
    assert left(run, other) == [run]


def test_the_newest_delivered_run_stays_also_where_later_ones_failed(environment):
    export = make_export(environment)
    first, newest, failed = old(export, State.SUCCEEDED), old(export, State.WARNED), old(export)
    test = old(export, State.SUCCEEDED, most_rows=10)
    purging.purge()
    assert left(first, newest, failed, test) == [newest]


def test_what_was_skipped_goes_by_the_time_it_was_due(export):
    run = old(export, State.SKIPPED, due=LONG_AGO, queued_at=timezone.now() - timedelta(days=700), ended_at=None)
    purging.purge()
    assert left(run) == []


def test_it_goes_through_all_batches(export, monkeypatch):
    monkeypatch.setattr(purging, "BATCH", 2)
    runs = [old(export, queued_at=LONG_AGO - timedelta(minutes=number // 3)) for number in range(7)]
    kept = old(make_export(make_environment()), State.SUCCEEDED)
    purging.purge()
    assert left(*runs, kept) == [kept]


def test_when_its_time_is_up_the_rest_is_for_another_task(export, monkeypatch):
    monkeypatch.setattr(purging, "BATCH", 1)
    monkeypatch.setattr(purging, "MOST_SECONDS", 0.0)
    runs = [old(export) for _number in range(3)]
    purge()
    assert len(left(*runs)) == 2
    assert queued() == [purging.TASK]


def test_old_system_refreshes_go_with_their_parts_but_the_newest_and_those_under_way(environment, export):
    def refresh(**values):
        values = {"state": "succeeded", "trigger": "schedule", "queued_at": LONG_AGO, "ended_at": LONG_AGO} | values
        made = SystemRefresh.objects.create(environment=environment, **values)
        RefreshPart.objects.create(refresh=made, position=0, kind="table", object_id=1, name="Customers", needs=[])
        return made

    gone, running, newest = refresh(), refresh(state="running", ended_at=None), refresh()
    run = make_run(export, refresh=gone, ended_at=timezone.now())
    purging.purge()
    assert list(SystemRefresh.objects.order_by("pk")) == [running, newest]
    assert RefreshPart.objects.count() == 2
    run.refresh_from_db()
    assert run.refresh is None


def test_alerts_go_when_they_were_closed_long_ago_and_stay_while_open(environment, export):
    values = {"environment": environment, "export": export, "text": "Failed", "opened_at": LONG_AGO}
    gone = Alert.objects.create(kind="failed", closed_at=LONG_AGO, **values)
    still_open = Alert.objects.create(kind="failed", run=old(export), **values)
    lately = Alert.objects.create(kind="late", closed_at=timezone.now(), **values)
    channel = AlertChannel.objects.create(environment=environment, name="Team", kind="email")
    AlertDelivery.objects.create(alert=gone, channel=channel)
    purging.purge()
    assert list(Alert.objects.order_by("pk")) == [still_open, lately]
    assert not AlertDelivery.objects.exists()
    still_open.refresh_from_db()
    assert still_open.run is None


def test_ended_tasks_of_the_queue_go_failures_later(environment):
    def task(number, is_success, days):
        at = timezone.now() - timedelta(days=days)
        values = {"name": "n", "func": "f", "started": at, "stopped": at, "success": is_success}
        return Task.objects.create(id=f"{number:032}", **values)

    for number, (is_success, days) in enumerate([(True, 2), (True, 0), (False, 2), (False, 31)]):
        task(number, is_success, days)
    purging.purge()
    assert [one.id[-1] for one in Success.objects.all()] == ["1"]
    assert [one.id[-1] for one in Failure.objects.all()] == ["2"]


def test_the_audit_log_stays(environment, export):
    audit.record(environment, "change", environment, by=None)
    old(export)
    before = AuditEvent.objects.count()
    purging.purge()
    assert AuditEvent.objects.count() == before


def said(*arguments):
    out = io.StringIO()
    call_command("purge", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_says_what_it_would_remove_and_what_it_removed(export):
    run = old(export)
    assert said("--dry-run") == [
        "exports.Run: 1", "exports.RunLine: 2", "Nothing was removed. Run without --dry-run to remove it.",
    ]  # fmt: skip
    assert left(run) == [run]
    assert said() == ["exports.Run: 1", "exports.RunLine: 2"]
    assert said() == ["Nothing to remove: no data is older than its limit."]


def queued():
    return [one.task["func"] for one in OrmQ.objects.filter(key="chores")]


def night(text):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE roles_cache SET value = %s WHERE cache_key = 'waybill:purge'", [text])


def look(monkeypatch):
    """What a dispatcher that has just started does."""
    monkeypatch.setattr(purging, "_looked_at", None)
    purging.ask_nightly()


def test_a_night_s_purge_is_asked_for_once_by_whichever_dispatcher_comes_first(monkeypatch):
    look(monkeypatch)
    assert queued() == []  # the first look of all notes the night
    night("2026-01-01")
    for _dispatcher in range(3):
        look(monkeypatch)
    assert queued() == [purging.TASK]
    night("2026-01-02")
    look(monkeypatch)
    assert queued() == [purging.TASK] * 2


def test_a_dispatcher_looks_once_a_minute(monkeypatch):
    look(monkeypatch)
    night("2026-01-01")
    purging.ask_nightly()
    assert queued() == []
