"""Schedule export: one, several, those one may only view, and what cannot be."""

import pytest

from connections.models import Sharing
from exports.models import ScheduleMode
from roles.models import AuditEvent
from tests.factories import make_connection, make_export

pytestmark = pytest.mark.django_db


def url(environment):
    return f"/e/{environment.slug}/exports/schedule"


def test_the_pane_shows_how_it_is_and_saves_another_schedule(environment, carl):
    export = make_export(environment, "Calls", schedule_mode=ScheduleMode.REFRESH)
    pane = carl.post(url(environment), {"id": [export.pk]}).content.decode()
    assert "Calls" in pane
    assert 'value="refresh" id="id_schedule_mode_0" checked' in " ".join(pane.replace("required", "").split())
    carl.post(url(environment), {"id": [export.pk], "confirmed": "1", "schedule_mode": "off"})
    export.refresh_from_db()
    assert export.schedule_mode == ScheduleMode.OFF
    assert AuditEvent.objects.latest("pk").changes == {"schedule": ["refresh", "off"]}


def test_exports_that_differ_have_nothing_chosen_and_nothing_is_saved_unchosen(environment, carl):
    on = make_export(environment, "On", schedule_mode=ScheduleMode.REFRESH)
    off = make_export(environment, "Off", schedule_mode=ScheduleMode.OFF)
    assert "checked" not in carl.post(url(environment), {"id": [on.pk, off.pk]}).content.decode()
    answer = carl.post(url(environment), {"id": [on.pk, off.pk], "confirmed": "1"})
    assert (answer.status_code, "Choose On or Off." in answer.content.decode()) == (422, True)
    assert carl.post(url(environment), {"id": [on.pk], "confirmed": "1", "schedule_mode": "cron"}).status_code == 422


def test_several_are_set_at_once_and_those_one_may_only_view_are_named(environment, carl):
    mine = [make_export(environment, name) for name in ("One", "Two")]
    closed = make_connection(environment, name="Finance", sharing=Sharing.NOBODY)
    foreign = make_export(environment, "Books", connection=closed)
    ids = [export.pk for export in [*mine, foreign]]
    answer = carl.post(url(environment), {"id": ids, "confirmed": "1", "schedule_mode": "off"}, follow=True)
    text = answer.content.decode()
    assert "The schedules of 2 exports are saved." in text
    assert "“Books” was left out: you can only view it." in text
    for export in [*mine, foreign]:
        export.refresh_from_db()
    assert [export.schedule_mode for export in [*mine, foreign]] == ["off", "off", "refresh"]


def test_nothing_selected_says_so(environment, carl):
    answer = carl.post(url(environment), follow=True)
    assert "Select at least one export first." in answer.content.decode()
