"""Objects for tests, made with as little as they need. Customer data is real rows in the warehouse."""

import itertools
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import Client

from connections.models import Connection, Sharing
from exports.models import Export, ExportSegment
from roles.kinds import Audience
from roles.models import Environment, RoleAssignment, User
from roles.roles import Role
from segments.models import Segment, Table
from segments.warehouse.members import refresh
from tests.browser import Browser

_numbers = itertools.count(1)
CUSTOMERS = """CustomerId,FirstName,LastName,Email,City,Income,JoinedOn
C1,Ada,Lovelace,ada@example.com,London,5000,2020-01-02
C2,Béla,"Bartók, Jr.",bela@example.com,Budapest,3000,2021-05-06
C3,Chloé,"O""Neil",chloe@example.com,Paris,,2022-07-08
C4,=cmd(),"multi
line",dan@example.com,London,1000.50,2019-09-10
C5,😀,Smile,eve@example.com,,7000,2023-11-12
"""


def make_user(username: str = "", **values: Any) -> User:
    """Return a new user whose password is their name."""
    username = username or f"user{next(_numbers)}"
    return User.objects.create_user(username, password=username, **values)


def make_environment(slug: str = "", **values: Any) -> Environment:
    """Return a new environment."""
    slug = slug or f"env-{uuid.uuid4().hex[:8]}"
    return Environment.objects.create(
        slug=slug, name=values.pop("name", slug.title()), audience=values.pop("audience", Audience.CONSUMERS), **values
    )


def make_member(environment: Environment, role: str = Role.ADMINISTRATOR, username: str = "", **values: Any) -> User:
    """Return a new user with `role` in `environment`."""
    user = make_user(username, **values)
    RoleAssignment.objects.create(environment=environment, user=user, role=role)
    return user


def client_of(user: User) -> Client:
    """Return a browser in which `user` is signed in."""
    client = Browser()
    client.force_login(user)
    return client


def make_table(
    environment: Environment, name: str = "Customers", csv: str = CUSTOMERS, key: str = "CustomerId", **values: Any
) -> Table:
    """Import `csv` as a table; a customer profile table unless `profile_kind` says otherwise."""
    from segments.importing.loading import import_table

    path = Path(settings.DATA_DIR) / f"{uuid.uuid4().hex}.csv"
    path.write_text(csv, encoding="utf-8", newline="")
    try:
        import_table(environment, name, path, keys=[key], profile_kind=values.pop("profile_kind", "customer"), **values)
    finally:
        path.unlink()
    return Table.objects.get(environment=environment, name=name)


def make_segment(
    table: Table, name: str = "", conditions: list[dict[str, str]] | None = None, **values: Any
) -> Segment:
    """Return a refreshed segment; of all profiles without conditions."""
    segment = Segment.objects.create(
        environment=table.environment,
        table=table,
        name=name or f"Segment {next(_numbers)}",
        conditions=conditions or [],
        **values,
    )
    refresh(segment)
    segment.refresh_from_db()
    return segment


def make_connection(environment: Environment, name: str = "", folder: str = "", **values: Any) -> Connection:
    """Return a Local folder connection shared with all contributors."""
    return Connection.objects.create(
        environment=environment,
        name=name or f"Folder {next(_numbers)}",
        type=values.pop("type", "local"),
        settings=values.pop("settings", {"folder": folder or f"out-{uuid.uuid4().hex[:8]}"}),
        sharing=values.pop("sharing", Sharing.ALL),
        **values,
    )


def make_export(
    environment: Environment, name: str = "", connection: Connection | None = None, segments: Any = (), **values: Any
) -> Export:
    """Return an export of `segments` on `connection` (a new local folder unless given)."""
    export = Export.objects.create(
        environment=environment,
        name=name or f"Export {next(_numbers)}",
        connection=connection or make_connection(environment),
        **values,
    )
    for position, segment in enumerate(segments):
        ExportSegment.objects.create(export=export, segment=segment, position=position)
    return export


def folder_of(connection: Connection) -> Path:
    """Return where a Local folder connection writes."""
    return Path(settings.LOCAL_FOLDER_BASE) / connection.settings["folder"]
