"""Makes the demo: what is there already is kept, so an interrupted set-up goes on where it stopped."""

import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from connections import actions as connection_actions
from connections.actions import Draft
from connections.destinations.sftp import client
from connections.models import Connection
from connections.sharing.sharing import contributors
from connections.testing import testing
from exports import actions
from exports.demo.plan import PASSWORD, PEOPLE, DemoConnection, DemoExport, DemoPlan
from exports.demo.plan_businesses import BUSINESSES
from exports.demo.plan_consumers import CONSUMERS
from exports.models import Export, ExportKind, RefreshSchedule, Run, ScheduleMode
from exports.refresh.scheduling import save_schedule
from exports.runs import lifecycle
from exports.spec.schedule import schedule_of
from exports.spec.spec import Column, ExportSpec
from roles.audit import audit
from roles.models import Environment, RoleAssignment, User
from segments import actions as segment_actions
from segments.importing.loading import import_table
from segments.models import Segment
from segments.relationships import relate
from segments.warehouse.members import refresh

PLANS = (CONSUMERS, BUSINESSES)
CUSTOMERS = 100_000
HOST, ZONE = "127.0.0.1", "Europe/Paris"
LONGEST_WAIT = 120.0  # seconds for the runs of the set-up

Say = Callable[[str], None]


def make_demo(say: Say, count: int = CUSTOMERS) -> None:
    """Make environments, users, data, segments, connections and exports, and have the exports run."""
    users = _users()
    runs = [run for plan in PLANS for run in _make(plan, users, count, say)]
    _wait(runs)


def _make(plan: DemoPlan, users: dict[str, User], count: int, say: Say) -> list[Run]:
    """Make one environment; return the runs that were begun."""
    environment = _environment(plan, users)
    say(f"{environment.name}:")
    _tables(environment, plan, users["ada"], count, say)
    _segments(environment, plan, users["carl"], say)
    for connection in plan.connections:
        _connection(environment, connection, users["ada"])
    say(f"  {len(plan.connections)} connections, tested")
    if not RefreshSchedule.objects.filter(environment=environment).exists():
        save_schedule(environment, plan.refreshed, by=users["ada"])
    runs = [run for demo in plan.exports if (run := _export(environment, demo, users))]
    say(f"  {len(plan.exports)} exports, {len(runs)} of them run now")
    return runs


def _environment(plan: DemoPlan, users: dict[str, User]) -> Environment:
    """One environment, in which everybody has their role."""
    values = {"name": plan.name, "audience": plan.audience, "time_zone": ZONE}
    with transaction.atomic():
        environment, is_new = Environment.objects.get_or_create(slug=plan.slug, defaults=values)
        if is_new:
            _audit("environment.create", environment, environment, values)
        for username, _first, _last, role in PEOPLE:
            own = {"environment": environment, "user": users[username]}
            if RoleAssignment.objects.get_or_create(**own, defaults={"role": role})[1]:
                _audit("give role", environment, users[username], {"role": role})
    return environment


def _audit(action: str, environment: Environment, target: Model, values: dict[str, str]) -> None:
    changes = {name: [None, value] for name, value in values.items()}
    audit.record(environment, action, target, by=None, changes=changes)


def _users() -> dict[str, User]:
    """The demo's people, one of each role; the administrator may open Django admin too."""
    users = {}
    for username, first, last, role in PEOPLE:
        user = User.objects.filter(username=username).first()
        if user is None:
            is_admin = role == "administrator"
            user = User(username=username, first_name=first, last_name=last, is_staff=is_admin, is_superuser=is_admin)
            user.set_password(PASSWORD)
            with transaction.atomic():
                user.save()
                audit.record(None, "create account", user, by=None)
        users[username] = user
    return users


def _tables(environment: Environment, plan: DemoPlan, by: User, count: int, say: Say) -> None:
    """Import the invented tables that are not there, and state what their rows refer to."""
    known = set(environment.tables.values_list("name", flat=True))
    missing = [table for table in plan.tables if table.name not in known]
    with tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as folder:
        files = plan.write(Path(folder), count, timezone.localdate()) if missing else {}
        for demo in missing:
            path = files[demo.name]
            table = import_table(
                environment,
                demo.name,
                path,
                keys=[demo.key],
                profile_kind=demo.profile_kind,
                shown=demo.shown,
                by=by,
            )
            say(f"  {table.row_count:,} {table.name.lower()}")
    for demo in plan.tables:
        for field, other in demo.refers_to:
            _relate(environment, demo.name, field, other, by)


def _relate(environment: Environment, name: str, field_name: str, other: str, by: User) -> None:
    table = environment.tables.get(name=name)
    if not table.relationships.filter(field_name=field_name, to_table__name=other).exists():
        key = environment.tables.get(name=other).fields.get(is_key=True)
        relate(table.fields.get(name=field_name), key, by=by)


def _segments(environment: Environment, plan: DemoPlan, by: User, say: Say) -> None:
    tables = {table.name: table for table in environment.tables.all()}
    for demo in plan.segments(timezone.localdate()):
        segment = Segment.objects.filter(environment=environment, name=demo.name).first()
        if segment is None:
            segment = Segment(
                environment=environment,
                name=demo.name,
                table=tables[demo.table],
                description=demo.description,
                conditions=demo.conditions,
                projected_fields=list(demo.projected),
            )
            segment_actions.make(segment, by=by)
        if segment.member_count is None:
            refresh(segment, by=by)
    say(f"  {environment.segments.count()} segments")


def _connection(environment: Environment, demo: DemoConnection, by: User) -> Connection:
    found = environment.connections.filter(name=demo.name).first()
    if found:
        return found
    place: dict[str, object]
    secrets: dict[str, str] = {}
    if demo.type == "local":
        place = {"folder": demo.folder}
    else:
        place, secrets = _sftp_settings(demo), {"password": demo.password}
    named = tuple(contributors(environment).filter(username__in=demo.named))
    draft = Draft(demo.name, place, demo.sharing, has_agreed=True, secrets=secrets, named=named)
    connection = connection_actions.create(environment, demo.type, draft, by=by)
    testing.request_test(connection, by=by)
    if connection.check_asked_at:
        testing.perform(connection.pk, connection.check_asked_at)
    return connection


def _sftp_settings(demo: DemoConnection) -> dict[str, object]:
    """The settings of an SFTP connection to the demo's server, or to a port where nobody answers."""
    port = int(os.environ["WAYBILL_SFTP_PORT"])
    return {
        "host": HOST,
        "port": port if demo.port == "demo" else _closed_port(),
        "username": "waybill",
        "folder": demo.folder,
        "host_key": client.fetch_host_key(HOST, port),
    }


def _closed_port() -> int:
    """A port of this machine on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _export(environment: Environment, demo: DemoExport, users: dict[str, User]) -> Run | None:
    """Make one export and begin its story; return its run, None where there is none to wait for."""
    export = environment.exports.filter(name=demo.name).first()
    if export is None:
        export = _new_export(environment, demo, users[demo.by])
    if not demo.story or export.last_run_id:
        return None
    with transaction.atomic():
        run, _is_new = actions.run_now(export, by=users[demo.by])
        if demo.story == "cancel":
            lifecycle.cancel(run, by=users[demo.by])  # in the same transaction: before a worker sees it
    return run


def _new_export(environment: Environment, demo: DemoExport, by: User) -> Export:
    table = environment.segments.get(name=demo.segments[0]).table.name if demo.fields else ""
    spec = ExportSpec(
        name=demo.name,
        description=demo.description,
        kind=ExportKind.DATA_OUT if demo.tables else ExportKind.SEGMENTS,
        connection=demo.connection,
        settings={"compression": demo.compression},
        segments=demo.segments,
        tables=demo.tables,
        fields={table: tuple(Column(name, name) for name in demo.fields)} if demo.fields else {},
        schedule=schedule_of(ScheduleMode.OWN if demo.rule else demo.schedule, demo.rule),
    )
    return actions.save(Export(environment=environment), spec, by=by)


def _wait(runs: list[Run]) -> None:
    """Wait until no run of the set-up moves any more, so that the first page shows how they ended."""
    deadline = time.monotonic() + LONGEST_WAIT
    waiting = {run.pk for run in runs}
    while waiting and time.monotonic() < deadline:
        moving = Run.objects.filter(pk__in=waiting, state__in=["queued", "running"])
        waiting = set(moving.values_list("pk", flat=True))
        time.sleep(0.2)
