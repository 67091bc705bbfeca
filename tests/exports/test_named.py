"""Exports on a connection that is shared with named contributors."""

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from connections.models import Sharing
from connections.sharing import sharing
from exports import actions
from exports.models import Export, Run
from roles.models import AuditEvent, RoleAssignment
from roles.roles import Role
from tests.exports.pages import cells, names, text_of, url
from tests.factories import client_of, make_connection, make_export, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana(environment):
    return make_member(environment, Role.CONTRIBUTOR, "ana")


@pytest.fixture
def as_ana(ana):
    return client_of(ana)


@pytest.fixture
def ours(environment, ana):
    """A connection that names Ana."""
    connection = make_connection(environment, "For Ana", sharing=Sharing.NAMED)
    connection.shared_with.set([ana])
    return connection


@pytest.fixture
def weekly(ours, environment, segment):
    return make_export(environment, "Weekly", ours, [segment])


def may(client, environment):
    """What the list's last column says, by name."""
    page = client.get(url(environment))
    return {name: " ".join(cells(page, name)[-2]) for name in names(page)}


def test_the_named_edit_and_run_every_export_on_it_and_others_only_view(environment, weekly, as_ana, carl):
    assert may(as_ana, environment) == {"Weekly": "Can edit"}
    assert may(carl, environment) == {"Weekly": "View only"}
    for client, status in ((as_ana, 302), (carl, 403)):
        for command in ("run", "schedule", "detach", "remove"):
            body = {"id": [weekly.pk], "schedule_mode": "off"}
            expected = 200 if status == 302 and command != "run" else status  # the others ask first
            assert client.post(url(environment, command), body).status_code == expected
        assert client.post(url(environment, "edit", pk=weekly.pk), {}).status_code == (422 if client is as_ana else 403)


def test_the_named_build_exports_on_it_and_others_do_not(environment, weekly, ours, segment, as_ana, carl):
    body = {"name": "New", "connection": ours.pk, "segments": [segment.pk], "schedule_mode": "off"}
    assert carl.get(url(environment, "add")).status_code == 403, "nothing is shared with Carl"
    assert carl.post(url(environment, "add"), body).status_code == 403
    assert as_ana.get(url(environment, "add")).status_code == 200
    assert as_ana.post(url(environment, "add"), body).status_code == 302
    assert Export.objects.get(name="New").connection == ours


def test_a_duplicate_leaves_a_connection_empty_that_names_others(environment, weekly, shared, carl):
    page = carl.get(url(environment, "duplicate", pk=weekly.pk))
    assert page.status_code == 200
    assert "For Ana" not in text_of(page)


def test_a_viewer_who_is_named_still_only_views(environment, weekly, ours):
    vera = make_member(environment, Role.VIEWER)
    ours.shared_with.add(vera)
    assert may(client_of(vera), environment) == {"Weekly": "View only"}
    assert client_of(vera).post(url(environment, "run"), {"id": [weekly.pk]}).status_code == 403


def test_run_all_runs_what_names_the_user(environment, weekly, as_ana, carl):
    assert carl.get(url(environment, "run_all")).context_data["plan"].to_run == []
    assert as_ana.get(url(environment, "run_all")).context_data["plan"].to_run == [weekly]


def test_a_bulk_action_leaves_out_what_names_others(environment, weekly, shared, carl):
    mine = make_export(environment, "Mine", shared)
    actions.set_schedule(mine, "off", by=None)
    answer = carl.post(url(environment, "run"), {"id": [weekly.pk, mine.pk]}, follow=True)
    assert "“Weekly” was left out: you can only view it." in text_of(answer)
    assert [run.export for run in Run.objects.all()] == [mine]


def test_what_is_taken_is_view_only_at_once_and_a_queued_run_goes_on(environment, weekly, ours, as_ana, ana):
    run, _is_new = actions.run_now(weekly, by=ana)
    sharing.share(ours, Sharing.NOBODY, by=ana)
    assert may(as_ana, environment) == {"Weekly": "View only"}
    run.refresh_from_db()
    assert run.state == "queued"


def test_a_detached_export_is_kept_for_those_who_were_named(environment, weekly, ours, shared, segment, as_ana, carl):
    actions.detach(weekly, by=None)
    sharing.share(ours, Sharing.ALL, by=None)
    assert may(as_ana, environment) == {"Weekly": "Can edit"}
    assert may(carl, environment) == {"Weekly": "View only"}
    assert carl.post(url(environment, "remove"), {"id": [weekly.pk], "confirmed": "1"}).status_code == 403
    body = {"name": "Weekly", "connection": shared.pk, "segments": [segment.pk], "schedule_mode": "off"}
    assert carl.post(url(environment, "edit", pk=weekly.pk), body).status_code == 403
    assert as_ana.post(url(environment, "edit", pk=weekly.pk), body).status_code == 302
    weekly.refresh_from_db()
    assert not weekly.detached_users.exists()


def test_who_was_named_removes_a_detached_export(environment, weekly, as_ana):
    actions.detach(weekly, by=None)
    assert as_ana.post(url(environment, "remove"), {"id": [weekly.pk], "confirmed": "1"}).status_code == 302
    assert not Export.objects.exists()


def test_the_log_says_for_whom_a_detached_export_is_kept_and_when_no_longer(environment, weekly, ours, ana):
    bea = make_member(environment, Role.CONTRIBUTOR, "bea")
    ours.shared_with.add(bea)
    actions.detach(weekly, by=None)
    sharing.share(ours, Sharing.ALL, by=None)
    RoleAssignment.objects.get(user=ana).delete()
    detach, share = AuditEvent.objects.filter(object_type="export").order_by("pk")
    assert (detach.action, detach.changes["named"]) == ("detach", [[], ["ana", "bea"]])
    assert (share.action, share.changes) == ("share", {"named": [["ana", "bea"], ["bea"]]})


@pytest.mark.parametrize("between", [Role.VIEWER, None])
def test_a_role_given_again_brings_nothing_back_that_nobody_gave(environment, weekly, ours, ana, as_ana, between):
    loose = make_export(environment, "Loose", ours)
    actions.detach(loose, by=None)
    role = RoleAssignment.objects.get(user=ana)
    if between:
        role.role = between
        role.save()
    role.delete()
    RoleAssignment.objects.create(environment=environment, user=ana, role=Role.CONTRIBUTOR)
    assert may(as_ana, environment) == {"Weekly": "View only", "Loose": "View only"}


def test_the_column_sorts_both_ways(environment, weekly, as_ana):
    make_export(environment, "Annual", make_connection(environment, sharing=Sharing.NOBODY))
    assert names(as_ana.get(url(environment), {"sort": "permissions"})) == ["Weekly", "Annual"]
    assert names(as_ana.get(url(environment), {"sort": "-permissions"})) == ["Annual", "Weekly"]


def test_the_list_asks_once_which_connections_name_the_user(environment, ours, ana, as_ana):
    def count() -> int:
        with CaptureQueriesContext(
            database,
        ) as counted:
            assert as_ana.get(url(environment)).status_code == 200
        return len(counted)

    make_export(environment, connection=ours)
    first = count()
    for number in range(5):
        connection = make_connection(environment, sharing=Sharing.NAMED)
        connection.shared_with.set([ana] if number % 2 else [])
        make_export(environment, connection=connection)
        actions.detach(make_export(environment, connection=connection), by=None)
    assert count() == first
