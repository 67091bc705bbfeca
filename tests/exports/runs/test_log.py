"""The log of a run: what happened, in people's words; hosts and processes only where administrators look."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django.utils import timezone, translation

from exports import actions
from exports.models import Level, Run, RunLine
from exports.models.states import State
from exports.runs import lifecycle, log, queue
from exports.runs.lifecycle import RunClaim
from exports.runs.waits import update_waits
from exports.work.watch import work_until_idle
from roles.messages.field import out_of_json
from segments.models import Segment, SegmentStatus
from tests.exports.runs.test_waits import refreshing  # noqa: F401
from tests.factories import make_export, make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


@pytest.fixture
def export(environment, segment, shared):
    return make_export(environment, "Call list", shared, segments=[segment])


@pytest.fixture
def ada(environment):
    return make_member(environment, username="ada")


def texts(run):
    return [str(line.text) for line in log.lines_of(run)]


def claimed(run):
    claim = queue.claim()
    run.refresh_from_db()
    assert claim.run_id == run.pk
    return claim


def test_the_log_of_a_run_tells_its_way_from_the_queue_to_its_end(export, ada):
    run, _is_new = actions.run_now(export, by=ada)
    work_until_idle()
    run.refresh_from_db()
    said = texts(run)
    assert said[:2] == ["Queued: Run manually · ada", "Started"]
    assert said[-1] == "Successful: 5 rows, 2 files published"
    begun = [text.removesuffix(" …") for text in said if text.endswith(" …")]
    assert begun == [str(out_of_json(step["label"])) for step in run.steps]
    ended = [text for text in said if " · done (" in text]
    assert len(ended) == len(run.steps)
    assert ended[0].startswith("Refresh segments · Everybody · 5 · done (")
    assert [line.level for line in run.lines.all()] == [Level.INFO] * len(run.lines.all())


def test_who_worked_on_it_is_a_detail_and_no_text_names_a_host(export):
    run, _is_new = actions.run_now(export, by=None)
    work_until_idle()
    details = [line.detail for line in run.lines.all() if line.detail]
    assert details == [f"Worker {queue.worker_name()}"]
    assert not any(queue.worker_name() in text for text in texts(run))


def test_when_it_was_due_and_that_it_is_late_stand_in_the_first_line(export):
    run, _is_new = actions.run_now(export, by=None, trigger="schedule")
    Run.objects.filter(pk=run.pk).update(due=timezone.now() - timedelta(hours=1), is_late=True)
    run.refresh_from_db()
    (first,) = texts(run)
    assert first.startswith("Queued: Own schedule, due ")
    assert first.endswith("late, because Waybill was not running")


def test_a_failed_try_says_when_the_next_one_is(export):
    run, _is_new = actions.run_now(export, by=None)
    claim = claimed(run)
    lifecycle.retry_later(claim, run, message="The server did not answer.", detail="host.example:22", reason="x")
    line = run.lines.latest("pk")
    assert str(line.text).startswith("Failed: The server did not answer. Next attempt at ")
    assert (line.level, line.detail) == (Level.WARNING, "host.example:22")
    Run.objects.filter(pk=run.pk).update(not_before=Now())
    claimed(run)
    assert run.lines.latest("pk").text == "Retrying: attempt 2"


def test_a_worker_that_was_lost_is_told_with_what_happens_next(export):
    run, _is_new = actions.run_now(export, by=None)
    claimed(run)
    lifecycle.lose(run, "No sign of life from box:1.")
    line = run.lines.latest("pk")
    assert line.text == "The worker stopped during the run. The run restarts automatically."
    assert (line.level, line.detail) == (Level.WARNING, "No sign of life from box:1.")
    Run.objects.filter(pk=run.pk).update(not_before=Now())
    claimed(run)
    assert run.lines.latest("pk").text == "Restarted: attempt 2"


def test_a_cancel_is_told_when_it_is_asked_for_and_when_it_is_done(export, ada):
    run, _is_new = actions.run_now(export, by=None)
    claim = claimed(run)
    lifecycle.cancel(run, by=ada)
    lifecycle.finish(claim, State.CANCELED, reason="by ada")
    assert texts(run)[-2:] == ["Cancel requested by ada", "Canceled by ada"]


def test_a_failure_for_good_is_an_error_and_the_step_is_named(export):
    from connections.models import Connection

    Connection.objects.filter(pk=export.connection.pk).update(type="fax")
    run, _is_new = actions.run_now(export, by=None)
    work_until_idle()
    last, before = run.lines.order_by("-pk")[:2]
    assert str(last.text).startswith("Failed (permanent): Waybill no longer has the connection type of")
    assert str(before.text).startswith("Check what will be sent · failed (")
    assert (last.level, before.level) == (Level.ERROR, Level.ERROR)


def test_a_log_ends_at_its_bound_and_long_lines_are_cut(export):
    run, _is_new = actions.run_now(export, by=None)
    RunLine.objects.bulk_create(RunLine(run=run, text=str(n)) for n in range(log.MOST_LINES - 1))
    log.say(run, "x" * 600)
    log.say(run, "one too many")
    assert run.lines.count() == log.MOST_LINES
    assert run.lines.latest("pk").text == "x" * 499 + "…"


def test_a_line_about_a_run_that_is_gone_is_dropped(export):
    run, _is_new = actions.run_now(export, by=None)
    gone = run.pk
    run.delete()
    log.say(gone, "nobody hears it")
    assert not RunLine.objects.exists()


def test_who_lost_the_run_tells_nothing(export):
    run, _is_new = actions.run_now(export, by=None)
    claim = claimed(run)
    before = run.lines.count()
    assert not lifecycle.finish(RunClaim(run.pk, "00000000-0000-0000-0000-000000000009"), State.FAILED)
    assert lifecycle.finish(claim, State.FAILED)
    assert run.lines.count() == before + 1


def test_a_wait_is_told_once_when_it_begins_and_when_it_is_over(export, segment, request):
    run, _is_new = actions.run_now(export, by=None)
    request.getfixturevalue("refreshing")
    update_waits(), update_waits()
    Segment.objects.filter(pk=segment.pk).update(status=SegmentStatus.READY)
    update_waits()
    wanted = ["Waiting for the refresh of “Everybody”", "No longer waiting for the refresh of “Everybody”"]
    assert texts(run)[1:] == wanted


def test_an_occurrence_that_never_came_into_the_queue_says_what_became_of_it(export):
    values = {"state": State.SKIPPED, "trigger": "schedule", "due": timezone.now(), "reason": "Waybill was down"}
    run = Run.objects.create(environment=export.environment, export=export, ended_at=timezone.now(), **values)
    first, last = texts(run)
    assert first.startswith("Own schedule, due ")
    assert last == "Skipped: Waybill was down"
