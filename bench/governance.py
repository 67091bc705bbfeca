"""The pages of Settings with many people, connections and audit events: how long an answer takes, how many queries."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.listing import LOOKS, _get
from bench.run import median
from connections.models import Connection, Sharing
from roles.models import Environment, RoleAssignment, User
from roles.roles import Role

PAGES = {
    "people": "permissions/",
    "people_search": "permissions/?q=person+9&sort=-signed_in",
    "connections": "connections/",
    "connections_search": "connections/?q=9&sort=-exports",
    "audit": "audit/",
    "audit_search": "audit/?q=Connection+9",
}
EVENTS = """
    INSERT INTO roles_auditevent (environment_id, environment_slug, environment_name, at, actor_id, actor_name, through,
                                  origin, request_id, action, object_type, object_id, object_name, changes)
    SELECT %(environment)s, 'settings', 'Settings', now() - number * interval '1 second', %(actor)s, 'Bench', '',
           '127.0.0.1', '', (ARRAY['change', 'create', 'share'])[number %% 3 + 1], 'connection', number %% 500,
           'Connection ' || number %% 500, '{"name": ["a", "b"]}'
    FROM generate_series(1, %(count)s) number
"""


def measure_governance(people: int, connections: int, events: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return for each page of Settings the median of its answers (milliseconds) and its queries."""
    user = User.objects.create_superuser("settings-bench")
    environment = _fill(user, people, connections, events)
    say(f"made {people:,} people, {connections:,} connections and {events:,} audit events")
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    figures: dict[str, Any] = {}
    for name, page in PAGES.items():
        path = f"/e/{environment.slug}/{page}"
        figures[f"{name}_ms"] = round(median([_get(client, path) for _number in range(LOOKS)]) * 1000)
        with CaptureQueriesContext(connection) as queries:
            _get(client, path)
        figures[f"{name}_queries"] = len(queries)
        say(f"{page} {figures[f'{name}_ms']} ms, {len(queries)} queries")
    return figures


def _fill(user: User, people: int, connections: int, events: int) -> Environment:
    """Make an environment; half of its people are contributors, a third of its connections name 20 of them."""
    environment = Environment.objects.create(slug="settings", name="Settings")
    RoleAssignment.objects.create(environment=environment, user=user, role=Role.ADMINISTRATOR)
    password = make_password(None)
    users = User.objects.bulk_create(
        User(username=f"person{number}", first_name="Person", last_name=str(number), password=password)
        for number in range(people)
    )
    roles = [Role.CONTRIBUTOR, Role.VIEWER]
    RoleAssignment.objects.bulk_create(
        RoleAssignment(environment=environment, user=each, role=roles[number % 2]) for number, each in enumerate(users)
    )
    made = Connection.objects.bulk_create(
        Connection(
            environment=environment, name=f"Connection {number}", type=("local", "sftp")[number % 2],
            sharing=Sharing.values[number % 3], created_by=user,
        )
        for number in range(connections)
    )  # fmt: skip
    through = Connection.shared_with.through
    through.objects.bulk_create(
        through(connection=each, user=person)
        for each in made
        if each.sharing == Sharing.NAMED
        for person in users[:40:2]
    )
    with connection.cursor() as cursor:
        cursor.execute(EVENTS, {"environment": environment.pk, "actor": user.pk, "count": events})
        cursor.execute("ANALYZE")
    return environment
