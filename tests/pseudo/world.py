"""A world in which much has happened: whatever a page can say is said somewhere in it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

from connections.destinations.registry import destinations
from connections.models import Connection
from exports import actions
from exports.alerts.opening import close_alerts, open_alert
from exports.models import Alert, AlertChannel, AlertKind, ChannelKind, Export, Repeat, Run, Schedule, Trigger
from exports.models.states import State
from exports.refresh.start import start
from exports.work.watch import work_until_idle
from roles.audit import audit, sentences
from roles.audit.changes import NAMES, VALUES
from roles.messages import verbatim
from roles.messages.field import MessageField
from roles.models import Environment
from tests.exports.refresh.parts import work_off
from tests.factories import CUSTOMERS, make_connection, make_environment, make_export, make_member, make_segment
from tests.roles.world import World, make_world

# Columns that hold sentences as a worker made them, in its own language: their list shrinks to nothing.
STORED: dict[str, tuple[str, ...]] = {
    "connections.Connection": ("check_steps",),
    "exports.Run": ("held_for", "steps", "items"),
    "roles.AuditEvent": ("changes",),
}
# What the world's own rows say, as one of an earlier version would.
OLDER = ("The server did not answer.", "No answer.", "It failed.", "Connect")
# What the forms of tests/roles/world.py type.
TYPED = ("Forged", "Renamed", "Copied", "Calls", "New Comer", "newcomer")
# Names that programs read and people see: of files, variables, commands, formats, and the letters of types.
CODES = (
    *(
        "model.json",
        "manifest.json",
        "manifest.csv",
        "schema",
        "SHA-256",
        "CSV",
        "UTF-8",
        "SFTP",
        "HTTPS",
        "JSON",
        "LF",
    ),
    *("SF", "WAYBILL_EMAIL_URL", "WAYBILL_SECRETS_DIR", "UTC", "IANA", "PostgreSQL", "Slack", "Teams", "Microsoft"),
    *("gzip", "zstd", "ed25519", "OpenSSH", "Django", "env:NAME", "file:NAME", "manage.py doctor", "Europe/Paris"),
)


def make_full_world() -> World:
    """Make the world of the access tests, and let things happen in it; all of it is committed."""
    world = make_world()
    mine = world.mine
    environment, by = mine.environment, world.users["administrator"]
    good = make_connection(environment, "Zw Good")
    blocked = make_connection(environment, "Zw Blocked", folder="zw-blocked")
    Path(settings.LOCAL_FOLDER_BASE, "zw-blocked").write_text("a file where the folder should be")
    nobody = make_segment(mine.table, "Zw Nobody", [{"field": "City", "operator": "equals", "value": "Nowhere"}])
    off = {"schedule_mode": "off"}
    for export in (
        make_export(environment, "Zw Good", good, [mine.segment], **off),
        make_export(environment, "Zw Blocked", blocked, [mine.segment], **off),
        make_export(environment, "Zw Held", good, [nobody], **off),
    ):
        actions.run_now(export, by=by)
    work_until_idle()
    _runs_of_each_state(world, good)
    _schedules(world, good)
    start(environment, by=by)
    work_off()
    work_until_idle()
    work_off()
    _alerts(world)
    _audit(world)
    return world


def _runs_of_each_state(world: World, connection: Connection) -> None:
    now, environment = timezone.now(), world.mine.environment
    for number, state in enumerate(State):
        export = make_export(environment, f"Zw {number}", connection, [world.mine.segment], schedule_mode="off")
        values: dict[str, Any] = {"state": state, "queued_at": now, "trigger": list(Trigger)[number % len(Trigger)]}
        if state not in {State.QUEUED, State.SKIPPED}:
            values |= {"started_at": now, "rows_done": 7, "rows_total": 9}
        if state in {State.SUCCEEDED, State.FAILED, State.CANCELED, State.WARNED, State.SKIPPED}:
            values |= {"ended_at": now + timedelta(minutes=2), "due": now}
        if state == State.RUNNING:
            values |= {"token": "00000000-0000-0000-0000-000000000001", "lease_until": now + timedelta(days=9)}
        run = Run.objects.create(environment=environment, export=export, connection=connection, **values)
        Export.objects.filter(pk=export.pk).update(last_run=run, last_state=state)


def _schedules(world: World, connection: Connection) -> None:
    for number, repeat in enumerate(Repeat):
        name = f"Zw schedule {number}"
        export = make_export(world.mine.environment, name, connection, [world.mine.segment], schedule_mode="own")
        rule = {"times": ["06:30"], "weekdays": [1, 2], "cron": "30 5 * * 1-5"}
        Schedule.objects.create(export=export, repeat=repeat, next_due=timezone.now() + timedelta(hours=3), **rule)
    make_export(world.mine.environment, "Zw by hand", connection, [world.mine.segment], schedule_mode="off")
    make_export(world.mine.environment, "Zw detached", connection, [world.mine.segment])
    Export.objects.filter(name="Zw detached").update(connection=None)


def _alerts(world: World) -> None:
    environment = world.mine.environment
    for kind in ChannelKind:
        AlertChannel.objects.create(environment=environment, name=f"Zw {kind.value}", kind=kind, kinds=list(AlertKind))
    for state in ("open", "closed"):
        for kind in AlertKind:
            export = make_export(environment, f"Zw {state} {kind.value}")
            open_alert(environment, kind, verbatim("It failed."), export=export)
            if state == "closed":
                close_alerts(Alert.objects.filter(export=export), verbatim("It failed."))


def _audit(world: World) -> None:
    """Write an event of each action, about each type of object, with each name of a change and each choice."""
    environment, by = world.mine.environment, world.users["administrator"]
    for action, words in sentences.ACTIONS.items():
        changes = {words.of: [None, next(iter(VALUES.get(words.of, {})), 3)]} if words.of else {}
        audit.record(environment, action, world.mine.export, by=by, changes=changes)
    objects = [world.mine.table, world.mine.segment, world.mine.connection, world.mine.channel, world.mine.group]
    for target in (*objects, world.mine.invitation.invitation, world.mine.person, environment):
        audit.record(environment, "change", target, by=None, changes={"name": ["Zw", "Zw 2"]})
    for name in NAMES:
        for value in VALUES.get(name) or [True]:
            audit.record(environment, "change", world.mine.export, by=by, changes={name: [None, value]})


def make_empty_place(world: World) -> Environment:
    """Return an environment with nothing in it, that of business accounts, which the administrator has too."""
    environment = make_environment(name="Zw empty", audience="businesses")
    environment.role_assignments.create(user=world.users["administrator"], role="administrator")
    make_member(environment, "viewer", "zw-viewer")
    return environment


def addresses_more(world: World, empty: Environment) -> list[str]:
    """Return addresses beside those of the table: of each type, each kind, each state, and with filters."""
    mine, found = world.mine, []
    for slug in destinations():
        found += [mine.url(f"connections:{name}", type_=slug) for name in ("help", "set_up")]
    found += [mine.url(f"connections:{name}", pk=mine.connection.pk) for name in ("edit", "test", "remove")]
    found += [mine.url("alerts:set_up", kind=kind.value) for kind in ChannelKind]
    for channel in AlertChannel.objects.filter(environment=mine.environment):
        found += [mine.url(f"alerts:{name}", pk=channel.pk) for name in ("edit", "test", "remove")]
    for export in Export.objects.filter(environment=mine.environment, name__startswith="Zw"):
        found.append(mine.url("exports:progress", pk=export.pk))
    for name in ("Zw Good", "Zw Blocked", "Zw Held", "Zw schedule 0", "Zw by hand", "Zw detached"):
        pk = Export.objects.get(environment=mine.environment, name=name).pk
        found.append(mine.url("exports:edit", pk=pk))
    held = Export.objects.get(environment=mine.environment, name="Zw Held").pk
    found += [mine.url("exports:decide", pk=held), mine.url("exports:list") + "?status=failed"]
    for name in ("exports:list", "exports:history", "segments:list", "segments:tables", "connections:list"):
        found += [mine.url(name) + "?q=%3F%3F%3F", mine.url(name) + "?sort=-name"]
    found += [mine.url(name) + "?q=%3F%3F%3F" for name in ("people:list", "audit:list", "alerts:list", "people:groups")]
    found += [mine.url("audit:list") + f"?{query}" for query in ("page=2", "type=export", "since=2030-01-01")]
    cron = {"repeat": "cron", "cron": "61 * * * *", "zone": "UTC"}
    for rule in (*({"repeat": repeat.value, "time": "06:30", "zone": "UTC"} for repeat in Repeat), cron):
        query = "&".join(f"{name}={value}" for name, value in rule.items())
        found.append(mine.url("exports:next_runs") + f"?schedule_mode=own&{query}")
    own = {"environment": empty.slug}
    for name in ("exports:list", "exports:history", "segments:list", "segments:tables", "connections:list"):
        found.append(reverse(name, kwargs=own))
    for name in ("alerts:list", "alerts:channels", "system:list", "system:history", "people:groups", "audit:list"):
        found.append(reverse(name, kwargs=own))
    return found


def names() -> list[str]:
    """Return every text of the database that is no sentence, what the tables hold, and codes."""
    found = [*OLDER, *TYPED, *CODES, *(part.strip(' "') for line in CUSTOMERS.splitlines() for part in line.split(","))]
    for label in ("roles", "segments", "connections", "exports"):
        for model in apps.get_app_config(label).get_models():
            for field in _texts_of(model):
                for value in model._default_manager.values_list(field, flat=True):
                    found += _strings(value)
    found += [name for _code, name in settings.LANGUAGES]
    return [one for one in found if len(one) > 1]


def _texts_of(model: type[models.Model]) -> list[str]:
    """Return the columns of `model` that hold what somebody typed, or what is stored in English as yet."""
    texts = models.CharField | models.TextField | models.JSONField
    fields = [one for one in model._meta.fields if isinstance(one, texts) and not isinstance(one, MessageField)]
    return [one.attname for one in fields if not one.choices]


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in _strings(one)]
    return [value] if isinstance(value, str) else []
