"""Two environments with one of everything, and one person of each standing; what must not be shown is planted."""

import re
import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.test import Client
from django.urls import reverse

from connections.models import Connection, Sharing
from exports.models import Alert, AlertChannel, Export, Run, SystemRefresh
from roles.models import Environment, GroupRole, User
from roles.people.invitations import Issued, invite
from roles.roles import Role
from roles.sign_in.sessions import SEEN
from segments.models import Relationship, Segment, Table
from segments.showing import look_of
from tests.browser import Browser
from tests.factories import (
    client_of,
    make_connection,
    make_environment,
    make_export,
    make_member,
    make_segment,
    make_user,
)
from tests.factories import make_table as import_table

PLANTED = {
    "host": "planted-host.example",
    "port": 22022,
    "username": "planted-account",
    "folder": "/planted/path",
    "host_key": "ssh-ed25519 AAAAplantedA",
}
DETAIL = "planted-detail: refused by planted-host.example"
SECRET = "planted-secret"
# A random token may hold the digits, but not as a number of its own.
NEVER = re.compile(r"planted|\b22022\b")


@dataclass
class Place:
    """One environment and what is in it."""

    environment: Environment
    table: Table
    segment: Segment
    spare_segment: Segment
    connection: Connection
    spare_connection: Connection
    export: Export
    run: Run
    person: User
    newcomer: User
    invitation: Issued
    group: GroupRole
    channel: AlertChannel

    def url(self, name: str, **other: Any) -> str:
        """Return an address of this environment; ids are those of its own objects unless given."""
        return reverse(name, kwargs=self.kwargs(name) | other)

    def kwargs(self, name: str) -> dict[str, Any]:
        """Return what the address `name` needs."""
        if name == "account_reset_password_from_key":
            return {"uidb36": "1", "key": "x"}
        if name == "account_end_session":
            return {"pk": 1}
        if name in {"home", "healthz", "metrics", "account"} or name.startswith(("account_", "mfa_")):
            return {}
        if name == "invitation":
            return {"token": self.invitation.token}
        if name.startswith("openid_connect_"):
            return {}
        own = {"environment": self.environment.slug}
        return own | {
            "exports": self._export_kwargs(name),
            "segments": self._segment_kwargs(name),
            "connections": self._connection_kwargs(name),
            "people": self._people_kwargs(name),
            "system": self._system_kwargs(name),
            "alerts": self._alert_kwargs(name),
        }.get(name.partition(":")[0], {})

    def _export_kwargs(self, name: str) -> dict[str, Any]:
        if name in {"exports:run_progress", "exports:file", "exports:let_go", "exports:drop"}:
            index = {"index": 0} if name == "exports:file" else {}
            return {"pk": self.export.pk, "uuid": self.run.uuid, **index}
        if name == "exports:decide":
            return {"pk": self.export.pk}
        if name.startswith("exports:guide_"):
            return {"pk": self.connection.pk}
        is_of_one = name.endswith((":edit", ":progress", ":cancel", ":test", ":duplicate", ":history_of"))
        return {"pk": self.export.pk} if is_of_one else {}

    def _segment_kwargs(self, name: str) -> dict[str, Any]:
        if name in {"segments:table", "segments:relate", "segments:choose_shown"}:
            return {"pk": self.table.pk}
        if name == "segments:unrelate":
            return {"pk": self.table.pk, "relationship": self.table.relationships.get().pk}
        if name == "segments:remove":
            return {"pk": self.spare_segment.pk}
        return {"pk": self.segment.pk} if name.endswith((":edit", ":row", ":refresh")) else {}

    def _connection_kwargs(self, name: str) -> dict[str, Any]:
        if name in {"connections:set_up", "connections:help"}:
            return {"type_": "local"}
        if name in {"connections:edit", "connections:share"}:
            return {"pk": self.spare_connection.pk}
        if name == "connections:remove":
            return {"pk": self.spare_connection.pk}
        return {"pk": self.spare_connection.pk} if name == "connections:test" else {}

    def _alert_kwargs(self, name: str) -> dict[str, Any]:
        if name == "alerts:set_up":
            return {"kind": "slack"}
        is_of_one = name.endswith((":edit", ":switch", ":test", ":remove"))
        return {"pk": self.channel.pk} if is_of_one else {}

    def _system_kwargs(self, name: str) -> dict[str, Any]:
        if name == "system:past":
            return {"uuid": SystemRefresh.objects.get(environment=self.environment, state="succeeded").uuid}
        return {"kind": "table", "pk": self.table.pk} if name == "system:item" else {}

    def _people_kwargs(self, name: str) -> dict[str, Any]:
        if name in {"people:renew", "people:withdraw"}:
            return {"pk": self.invitation.invitation.pk}
        if name in {"people:edit_group", "people:remove_group"}:
            return {"pk": self.group.pk}
        return {"pk": self.person.pk} if name == "people:edit" else {}

    def asked(self, name: str) -> dict[str, Any]:
        """Return what the address `name` asks about: the ids of the selected rows."""
        return {key: value for key, value in self.body(name).items() if key == "id"}

    def body(self, name: str) -> dict[str, Any]:
        """Return a form that the address `name` accepts."""
        export = {"connection": self.connection.pk, "schedule_mode": "off", "segments": [self.segment.pk]}
        segment = {"table": self.table.pk, "match": "all", "description": ""}
        connection = {"name": "Calls", "sharing": "nobody", "agree": "on", "settings-folder": "calls"}
        channel = {"name": "Forged", "kinds": ["failed"], "scope": "all"}
        return {
            "exports:add": export | {"name": "Forged"},
            "exports:edit": export | {"name": "Renamed"},
            "exports:run": {"id": [self.export.pk]},
            "exports:let_go": {"why": "Known."},
            "exports:drop": {"why": "Known."},
            "exports:duplicate": export | {"name": "Copied"},
            "exports:schedule": {"id": [self.export.pk], "confirmed": "1", "schedule_mode": "off"},
            "exports:detach": {"id": [self.export.pk], "confirmed": "1"},
            "exports:remove": {"id": [self.export.pk], "confirmed": "1"},
            "exports:guide_detach": {"id": [self.export.pk]},
            "exports:guide_remove": {"id": [self.export.pk], "confirmed": "1"},
            "exports:guide_cancel": {"run": self.run.uuid},
            "segments:choose_shown": {"shown": [look_of(self.table.fields.get(name="City"))]},
            "segments:relate": self._related("FirstName"),
            "segments:add": segment | {"name": "Forged"},
            "segments:edit": segment | {"name": self.segment.name, "description": "Changed."},
            "people:add": {"person": self.newcomer.username, "role": "viewer"},
            "people:edit": {"role": "contributor"},
            "people:change": {"id": [self.person.pk], "role": "contributor", "confirmed": "1"},
            "people:remove": {"id": [self.person.pk], "confirmed": "1"},
            "people:add_group": {"group": "Forged", "role": "viewer"},
            "people:edit_group": {"role": "contributor"},
            "invitation": {"name": "New Comer", "username": "newcomer", "password": "a-long-new-one"},
            "alerts:set_up": channel | {"url": "https://hooks.example.com/1"},
            "alerts:edit": channel,
            "alerts:switch": {"on": "0"},
            "system:schedule": {"repeat": "daily", "time_1": "05:00", "zone": "UTC"},
            "system:zone": {"time_zone": "Europe/Paris"},
            "connections:set_up": connection,
            "connections:edit": connection,
            "connections:share": {"sharing": "nobody"},
        }.get(name, {})

    def _related(self, name: str) -> dict[str, Any]:
        ids = dict(self.table.fields.values_list("name", "pk"))
        return {"field": ids[name], "key": ids["CustomerId"]}


@dataclass
class World:
    """My environment, another one, and the people."""

    mine: Place
    foreign: Place
    users: dict[str, User]
    sessions: dict[str, str]  # signing in takes as long as a page, so that each of the users does so once

    def client(self, person: str) -> Client:
        """Return the browser of a person of the table."""
        browser = Browser()
        if person in self.sessions:
            browser.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[person]
        return browser

    def body(self, name: str) -> dict[str, Any]:
        """Return a form that the address `name` accepts."""
        viewer = self.users["viewer"].username
        return {"login": viewer, "password": viewer} if name == "account_login" else self.mine.body(name)

    def unshare(self) -> None:
        """Let no connection of mine be shared with contributors."""
        Connection.objects.filter(environment=self.mine.environment).update(sharing=Sharing.NOBODY)


def make_world() -> World:
    """Make everything, committed."""
    mine, foreign = make_place(), make_place()
    users = {role.value: make_member(mine.environment, role) for role in Role}
    users["unshared"] = make_member(mine.environment, Role.CONTRIBUTOR)
    users["outsider"] = make_member(foreign.environment, Role.ADMINISTRATOR)
    return World(mine, foreign, users, {person: begin_session(user) for person, user in users.items()})


def begin_session(user: User) -> str:
    """Sign `user` in and return the key of the session, whose use is never noted again, however long tests take."""
    session = client_of(user).session
    session[SEEN] = time.time() + settings.SESSION_COOKIE_AGE
    session.save()
    return session.session_key


def make_place() -> Place:
    """Make one environment with one of everything; its SFTP connection and its run hold what is planted."""
    environment = make_environment()
    table = import_table(environment)
    ids = {"to_table": table, "to_field_name": "CustomerId"}
    Relationship.objects.create(table=table, field_name="City", **ids)
    segment, spare_segment = make_segment(table), make_segment(table)
    connection = make_connection(environment, "Partner", type="sftp", settings=PLANTED)
    connection.set_secrets({"password": SECRET})
    connection.check_steps = [
        {"name": "Connect", "state": "failed", "message": "No answer.", "detail": DETAIL, "seconds": 1}
    ]
    connection.is_check_ok = False
    connection.save()
    export = make_export(environment, connection=connection, segments=[segment])
    values = {"state": "retrying", "trigger": "person", "message": "The server did not answer.", "detail": DETAIL}
    values |= {"files": [{"path": "a/b.csv", "rows": 1, "bytes": 2, "sha256": "0" * 64}], "connection": connection}
    run = Run.objects.create(environment=environment, export=export, reason="Connect", target=PLANTED, **values)
    Export.objects.filter(pk=export.pk).update(last_run=run)
    SystemRefresh.objects.create(environment=environment, trigger="schedule", state="succeeded")
    things = (environment, table, segment, spare_segment, connection, make_connection(environment), export, run)
    return Place(*things, *make_people(environment), make_channel(export))


def make_channel(export: Export) -> AlertChannel:
    """Make a webhook whose address is planted, and an alert of the export."""
    environment = export.environment
    channel = AlertChannel(environment=environment, name="Chat", kind="webhook", kinds=["failed"])
    channel.replace_secrets({"url": "https://planted-host.example/planted", "signing": f"whsec_{'planted0' * 4}"})
    channel.save()
    Alert.objects.create(environment=environment, export=export, kind="failed", text="It failed.", run=export.last_run)
    return channel


def make_people(environment: Environment) -> tuple[User, User, Issued, GroupRole]:
    """Make somebody with a role, somebody without, an open invitation and a group."""
    inviter = make_member(environment, Role.ADMINISTRATOR)
    invitation = invite(environment, f"{inviter}@example.com", Role.VIEWER, days=7, by=inviter)
    group = GroupRole.objects.create(environment=environment, group="Analysts", role=Role.VIEWER)
    return make_member(environment, Role.VIEWER), make_user(), invitation, group
