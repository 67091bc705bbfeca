"""Before and after, of exports, runs, segments and refreshes; secrets and values of profiles never."""

import json
from dataclasses import replace

import pytest

from exports import actions
from exports.models import Alert
from exports.models.states import State
from exports.runs import lease, lifecycle, queue
from exports.spec.spec import Column
from exports.spec.stored import spec_of
from roles.audit.changes import changes_as_json, value_of
from roles.messages import personal, said
from roles.models import AuditEvent
from segments import actions as segment_actions
from segments.models import Segment
from segments.warehouse.members import RefreshError, refresh
from tests.factories import make_connection, make_environment, make_export, make_member, make_segment, make_table

pytestmark = pytest.mark.django_db
LONDON = {"field": "City", "operator": "equals", "value": "London"}


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture
def carl(environment):
    return make_member(environment, username="carl")


@pytest.fixture
def segment(environment):
    return make_segment(make_table(environment), "Neighbours", [LONDON])


@pytest.fixture
def export(environment, segment):
    fields = {str(segment.table_id): [{"field": "Email", "name": "EMAIL"}, {"field": "City", "name": "City"}]}
    values = {"field_selection": fields, "schedule_mode": "off", "settings": {"compression": "gzip"}}
    return make_export(environment, "Calls", segments=[segment], **values)


def event(action: str) -> AuditEvent:
    return AuditEvent.objects.filter(action=action).latest("pk")


def test_a_changed_export_keeps_what_differs(environment, export, segment, carl):
    other = make_segment(segment.table, "Everybody")
    fields = {segment.table.name: (Column("Email", "Email"),)}
    changes = {"name": "Letters", "settings": {"compression": "none"}, "segments": (segment.name, other.name)}
    actions.save(export, replace(spec_of(export), fields=fields, **changes), by=carl)
    assert changes_as_json(event("change")) == {
        "name": ["Calls", "Letters"],
        "settings.compression": ["gzip", "none"],
        "fields": [["Email → EMAIL", "City"], ["Email"]],
        "segments": [["Neighbours"], ["Neighbours", "Everybody"]],
    }


def test_schedule_detach_and_remove_say_what_was(environment, export, carl):
    name = export.connection.name
    actions.set_schedule(export, "refresh", by=carl)
    assert changes_as_json(event("schedule")) == {"schedule": ["off", "refresh"]}
    actions.detach(export, by=carl)
    assert event("detach").changes["connection"] == [name, None]
    actions.remove(export, by=carl)
    gone = event("remove")
    assert gone.changes["name"] == ["Calls", None]
    assert gone.changes["segments"] == [["Neighbours"], None]


def test_a_run_has_an_event_for_its_start_and_its_end(export, carl):
    run, _is_new = actions.run_now(export, by=carl)
    claimed = queue.claim()
    ends = {"rows_done": 7, "message": "All went out.", "detail": "host planted.example"}
    lifecycle.finish(claimed, State.SUCCEEDED, **ends)
    assert not lifecycle.finish(claimed, State.FAILED)
    events = AuditEvent.objects.filter(run=run.uuid).order_by("pk")
    assert [one.action for one in events] == ["run", "start run", "end run"]
    assert [one.actor for one in events] == [carl, None, None]
    asked = {"trigger": "person", "asked_by": "carl"}
    assert events[1].changes == asked | {"state": ["queued", "running"], "attempt": 1}
    assert changes_as_json(events[2]) == asked | {
        "state": ["running", "succeeded"],
        "rows": 7,
        "message": "All went out.",
    }


def test_a_run_that_is_tried_again_interrupted_or_canceled_says_so(export, carl):
    actions.run_now(export, by=carl)
    lifecycle.give_back(queue.claim())
    assert event("interrupt run").changes["state"] == ["running", "queued"]
    claimed = queue.claim()
    run = export.runs.get()
    lifecycle.retry_later(claimed, run, message="No answer.", detail="planted.example", reason="Connect")
    assert changes_as_json(event("postpone run"))["reason"] == "Connect"
    run.refresh_from_db()
    assert lifecycle.cancel(run, by=carl)
    assert event("cancel").run == run.uuid
    assert event("end run").changes["state"] == ["retrying", "canceled"]
    assert not AuditEvent.objects.filter(changes__icontains="planted").exists()


def test_a_lost_run_that_is_given_up_has_an_end(export, carl):
    actions.run_now(export, by=carl)
    export.runs.update(claims=lease.MOST_CLAIMS - 1)
    queue.claim()
    export.runs.update(lease_until="2020-01-01T00:00Z")
    assert queue.reap() == 1
    assert event("end run").changes["state"] == ["running", "failed"]


def test_what_runs_did_outlives_their_export(export, carl):
    run, _is_new = actions.run_now(export, by=carl)
    lifecycle.finish(queue.claim(), State.SUCCEEDED)
    actions.remove(export, by=carl)
    assert AuditEvent.objects.filter(run=run.uuid).count() == 3
    assert event("remove").changes["runs"][0][:2] == [str(run.uuid), "succeeded"]


def test_a_rule_is_named_without_its_value_also_when_that_alone_changes(segment, carl):
    segment.conditions = [
        LONDON | {"value": "Paris"},
        {"field": "Email", "operator": "contains", "value": "@x.example"},
    ]
    segment_actions.save(segment, by=carl)
    said = [["City equals"], ["City equals (another value)", "Email contains"]]
    assert changes_as_json(event("change")) == {"conditions": said}
    segment_actions.remove(segment, by=carl)
    gone = event("remove").changes
    assert gone["table"] == ["Customers", None]
    kept = json.dumps(list(AuditEvent.objects.values_list("changes", flat=True)))
    assert not any(value in kept for value in ("London", "Paris", "x.example"))


def test_a_refresh_has_an_event_for_its_start_and_its_end(segment, carl):
    refresh(segment, by=carl)
    assert changes_as_json(event("start refresh")) == {"member_count": 2}
    assert changes_as_json(event("refresh")) == {"member_count": [2, 2]}
    assert event("refresh").actor == carl


def test_a_refresh_that_fails_says_so_without_the_values_of_its_rules(segment, carl):
    income = {"field": "Income", "operator": "at_least", "value": "planted-value"}
    Segment.objects.filter(pk=segment.pk).update(conditions=[income])
    with pytest.raises(RefreshError, match="Income: “…” is not a number"):
        refresh(segment, by=carl)
    failed = event("fail refresh")
    assert "“…” is not a number" in value_of(failed, "message")
    assert "planted" not in json.dumps(failed.changes)


def test_a_run_that_fails_for_a_persons_value_does_not_quote_it(export, carl):
    run, _is_new = actions.run_now(export, by=carl)
    why = said("“%(text)s” is not a number") % {"text": personal("planted")}
    lifecycle.finish(queue.claim(), State.FAILED, message=said("Failed: %(why)s") % {"why": why}, reason=why)
    run.refresh_from_db()
    assert (str(run.message), str(run.reason)) == ("Failed: “planted” is not a number", "“planted” is not a number")
    assert changes_as_json(event("end run"))["message"] == "Failed: “…” is not a number"
    assert str(run.lines.last().text) == "Failed (permanent): Failed: “…” is not a number"
    assert str(Alert.objects.get().text) == "Failed: “…” is not a number"
    rows = [AuditEvent.objects.values(), run.lines.values(), Alert.objects.values()]
    assert "planted" not in str([list(row) for row in rows])


def test_an_import_keeps_rows_and_fields(environment, carl):
    make_table(environment, "Visits", "VisitId,Page\nV1,planted\n", key="VisitId", by=carl)
    assert changes_as_json(event("import")) == {"row_count": [None, 1], "fields": [[], ["VisitId", "Page"]]}


def test_a_secret_is_said_to_be_changed(environment, carl):
    from connections.actions import Draft, create

    secrets = {"password": "planted-secret"}
    settings = {"host": "files.example", "port": 22}
    create(environment, "sftp", Draft("Partner", settings, "nobody", has_agreed=True, secrets=secrets), by=carl)
    assert event("create").changes["secrets"] == "changed"
    assert "planted" not in json.dumps(event("create").changes)
    assert make_connection(environment)
