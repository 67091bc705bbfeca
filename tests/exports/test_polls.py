"""An open page asks every few seconds: that nothing has changed costs few queries, and nothing that has is missed."""

from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from connections.models import Connection, Sharing
from exports.models import (
    AlertChannel,
    Export,
    PartKind,
    PartState,
    RefreshPart,
    RefreshSchedule,
    RefreshState,
    Run,
    RunLine,
    Schedule,
    SystemRefresh,
)
from exports.models.states import State
from exports.schedules.recurrence import Repeat
from roles.messages import said
from roles.models import Environment, RoleAssignment, User
from roles.roles import Role
from segments.models import Segment, Table
from tests.exports.polling import Page
from tests.factories import make_export

pytestmark = pytest.mark.django_db
MOST_QUERIES = 4  # session, user, role, and one of the page's own
OWNED = {"token": "00000000-0000-0000-0000-000000000001", "lease_until": "2099-01-01T00:00:00Z"}


@pytest.fixture
def world(environment, shared, segment):
    """One of everything that pages show."""
    export = make_export(environment, "Weekly", shared, [segment], schedule_mode="own")
    Schedule.objects.create(export=export, repeat=Repeat.DAILY, times=["06:00"], zone="UTC", next_due=timezone.now())
    RefreshSchedule.objects.create(
        environment=environment, is_on=True, repeat=Repeat.DAILY, times=["06:00"], zone="UTC"
    )
    follower = make_export(environment, "Follower", shared)
    for one in (export, follower):
        run = Run.objects.create(environment=environment, export=one, state=State.QUEUED, trigger="shell")
        Export.objects.filter(pk=one.pk).update(last_run=run, delivered_at=timezone.now() - timedelta(minutes=8))
    refresh = SystemRefresh.objects.create(
        environment=environment, state=RefreshState.RUNNING, trigger="schedule", started_at=timezone.now()
    )
    for place, (kind, noun) in enumerate(((PartKind.TABLE, segment.table), (PartKind.SEGMENT, segment))):
        RefreshPart.objects.create(refresh=refresh, position=place, kind=kind, object_id=noun.pk, name=noun.name)
    return environment


def run(**values):
    return lambda: Run.objects.filter(export__name__in=["Weekly", "Renamed"]).update(**values)


def every(model, **values):
    return lambda: model.objects.update(**values)


def retried():
    run(state=State.RETRYING, not_before=timezone.now() + timedelta(minutes=8), token=None, lease_until=None)()


def shared_by_name():
    connection = Connection.objects.get()
    connection.shared_with.add(User.objects.get(username="carl"))


def ended_refresh():
    SystemRefresh.objects.update(state=RefreshState.FAILED, ended_at=timezone.now())


def added():
    make_export(Environment.objects.get(), "New", Connection.objects.get())


def another_fails():
    Run.objects.exclude(pk=_run().pk).update(state=State.FAILED)


def told_by_name():
    channel = AlertChannel.objects.create(
        environment=Environment.objects.get(), name="One", kind="webhook", is_for_all=False
    )
    channel.exports.set(Export.objects.all())


# In this order, each after the ones before it: (what happens, on which pages it shows).
LIST, SYSTEM, PROGRESS = "list", "system", "progress"
CHANGES = {
    "starts": (run(state=State.RUNNING, **OWNED), {LIST, SYSTEM, PROGRESS}),
    "goes on": (run(rows_done=5, rows_total=10), {LIST, SYSTEM, PROGRESS}),
    "is being canceled": (run(cancel_requested_at=timezone.now()), {LIST, SYSTEM, PROGRESS}),
    "is tried again": (retried, {LIST, SYSTEM, PROGRESS}),
    "next try comes nearer": (timedelta(minutes=2), {LIST, SYSTEM, PROGRESS}),
    "says why": (run(state=State.QUEUED, reason=said("Another word")), {LIST, SYSTEM, PROGRESS}),
    "log goes on": (lambda: RunLine.objects.create(run=_run(), text="A line"), {PROGRESS}),
    "time passes": (timedelta(minutes=1), {LIST, SYSTEM}),
    "is delivered": (every(Export, delivered_at=timezone.now()), {LIST, SYSTEM}),
    "is renamed": (lambda: Export.objects.filter(name="Weekly").update(name="Renamed"), {LIST, SYSTEM}),
    "schedule changes": (every(Schedule, times=["07:00"]), {LIST, PROGRESS}),
    "schedule stops": (every(Schedule, problem=said("No such zone")), {LIST}),
    "refresh's schedule changes": (every(RefreshSchedule, next_due="2099-01-01T06:00Z"), {LIST, SYSTEM}),
    "connection is renamed": (every(Connection, name="Other"), {LIST}),
    "connection is hidden": (every(Connection, sharing=Sharing.NAMED), {LIST, PROGRESS}),
    "connection is shared": (shared_by_name, {LIST, PROGRESS}),
    "channel is added": (told_by_name, {PROGRESS}),
    "table is read": (every(Table, refreshed_at=timezone.now() - timedelta(days=3)), {SYSTEM}),
    "segment is renamed": (every(Segment, name="All"), {SYSTEM}),
    "part starts": (every(RefreshPart, state=PartState.RUNNING, **OWNED), {SYSTEM}),
    "part fails": (every(RefreshPart, state=PartState.FAILED, token=None, lease_until=None), {SYSTEM}),
    "refresh ends": (ended_refresh, {SYSTEM}),
    "another export fails": (another_fails, {LIST, SYSTEM}),
    "export is added": (
        lambda: make_export(Environment.objects.get(), "New", Connection.objects.get()),
        {LIST, SYSTEM},
    ),
    "environment is paused": (every(Environment, paused_at=timezone.now()), {LIST, SYSTEM, PROGRESS}),
    "environment is resumed": (every(Environment, paused_at=None), {LIST, SYSTEM, PROGRESS}),
    "role changes": (every(RoleAssignment, role=Role.VIEWER), {LIST, PROGRESS}),
    "export is removed": (lambda: Export.objects.exclude(name="Renamed").delete(), {LIST, SYSTEM}),
}


def _run():
    return Run.objects.filter(export__name__in=["Weekly", "Renamed"]).get()


def opened(page, carl, environment):
    at = {"environment": environment.slug}
    if page == LIST:
        return Page(carl, reverse("exports:list", kwargs=at))
    if page == SYSTEM:
        return Page(carl, reverse("system:list", kwargs=at))
    panel = {"HX-Request": "true", "HX-Target": "panel"}
    return Page(carl, reverse("exports:progress", kwargs=at | {"pk": _run().export_id}), headers=panel)


@pytest.mark.long
@pytest.mark.parametrize("page", [LIST, SYSTEM, PROGRESS])
def test_no_change_is_missed_and_none_costs_little(world, carl, page):
    shown = opened(page, carl, world)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for name, (change, pages) in CHANGES.items():
            while shown.ask().status_code == 200:
                pass
            assert shown.queries() <= MOST_QUERIES, name
            if isinstance(change, timedelta):
                clock.shift(change)
            else:
                change()
            if page in pages:
                assert shown.ask().status_code == 200, f"{name} is missed"
