"""The schedule in the Set up export pane: add, edit, duplicate, drafts, view only, detached."""

import pytest

from connections.models import Sharing
from exports import actions
from exports.models import Export, Schedule
from exports.schedules import planning
from exports.schedules.recurrence import Recurrence
from roles.audit.changes import changes_as_json
from roles.models import AuditEvent
from tests.exports.pane.browser import PANEL, Pane, text_of

pytestmark = pytest.mark.django_db

WEEKLY = Recurrence("weekly", ("07:30",), (1, 3), zone="Asia/Kathmandu")
TYPED = {
    "schedule_mode": "on", "repeat": "weekly", "weekdays": ["1", "3"], "time": "07:30", "zone": "Asia/Kathmandu",
}  # fmt: skip
SAID = "Weekly on Mon and Wed at 07:30 (Asia/Kathmandu)"


@pytest.fixture
def pane():
    return Pane()


@pytest.fixture
def export(pane):
    pane.send(**TYPED)
    return Export.objects.get()


def open_pane(pane, name="edit", **kwargs):
    return text_of(pane.client.get(pane.url(name, **kwargs), headers=PANEL))


def test_a_new_export_gets_its_own_recurrence_with_its_next_run(pane, export):
    assert (export.schedule_mode, planning.stored_rule(export)) == ("own", WEEKLY)
    assert export.schedule.next_due
    assert changes_as_json(AuditEvent.objects.get(action="create"))["schedule"] == [None, SAID]


def test_a_new_recurrence_starts_in_the_environments_zone(pane):
    pane.environment.time_zone = "Pacific/Apia"
    pane.environment.save()
    assert 'value="Pacific/Apia"' in open_pane(pane, "add")


def test_editing_shows_it_with_its_next_runs_and_keeps_what_is_not_changed(pane, export):
    due = export.schedule.next_due
    page = open_pane(pane, pk=export.pk)
    assert (SAID in page, page.count("<time ") >= 5) == (True, True)
    pane.send("edit", pk=export.pk, **TYPED | {"name": "Renamed"})
    assert Schedule.objects.get().next_due == due
    assert "schedule" not in AuditEvent.objects.get(action="change").changes
    pane.send("edit", pk=export.pk, schedule_mode="off")
    assert changes_as_json(AuditEvent.objects.filter(action="change").latest("pk"))["schedule"] == [SAID, "off"]
    assert Schedule.objects.get().next_due is None


def test_what_is_wrong_is_named_above_and_nothing_is_saved(pane):
    answer = pane.send(headers=PANEL, **TYPED | {"zone": "Mars/Base"})
    assert answer.status_code == 422
    assert '<a href="#id_zone">Time zone</a>: “Mars/Base” is not a known time zone.' in text_of(answer)
    assert not Export.objects.exists()


def test_a_draft_keeps_what_is_typed_without_judging_it(pane):
    page = text_of(pane.send(headers=PANEL, draft="1", **TYPED | {"zone": "Mars", "time": "07:3"}))
    assert ('value="Mars"' in page, 'value="07:3"' in page, "field-error" in page) == (True, True, False)


def test_a_duplicate_is_filled_in_with_it(pane, export):
    page = open_pane(pane, "duplicate", pk=export.pk)
    assert SAID in page
    pane.send("duplicate", pk=export.pk, **TYPED | {"name": "Copy"})
    assert [planning.stored_rule(one) for one in Export.objects.order_by("pk")] == [WEEKLY, WEEKLY]


def test_who_may_only_view_reads_it_in_words(pane, export):
    pane.connection.sharing = Sharing.NOBODY
    pane.connection.save()
    page = open_pane(pane, pk=export.pk)
    assert (SAID in page, 'name="repeat"' in page, page.count("<time ") >= 5) == (True, False, True)


def test_a_detached_export_keeps_its_recurrence_and_its_next_run(pane, export):
    due = export.schedule.next_due
    actions.detach(export, by=None)
    export.refresh_from_db()
    assert (export.schedule_mode, Schedule.objects.get().next_due) == ("own", due)
    actions.remove(export, by=None)
    assert not Schedule.objects.exists()
