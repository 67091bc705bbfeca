"""The database itself keeps the audit log: rows are added, never changed or removed."""

import re
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import InternalError, ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse

from roles.audit import audit
from roles.models import AuditEvent, Environment
from tests.factories import client_of, make_environment, make_member, make_user

pytestmark = pytest.mark.django_db
REFUSALS = (ProgrammingError, InternalError)


@pytest.fixture
def environment() -> Environment:
    return make_environment(name="Contoso")


@pytest.fixture
def event(environment) -> AuditEvent:
    ada = make_member(environment, username="ada")
    audit.record(environment, "change", environment, by=ada, changes={"name": ["Old", "Contoso"]})
    return AuditEvent.objects.get()


def refused(statement: str) -> str:
    with pytest.raises(REFUSALS) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return str(caught.value)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE roles_auditevent SET actor_name = 'somebody else'",
        "DELETE FROM roles_auditevent",
        "WITH gone AS (DELETE FROM roles_auditevent RETURNING id) SELECT count(*) FROM gone",
        "INSERT INTO roles_auditevent SELECT * FROM roles_auditevent ON CONFLICT (id) DO UPDATE SET action = 'x'",
    ],
)
def test_a_row_is_neither_changed_nor_removed(event, statement):
    assert "The audit log is append-only" in refused(statement)
    assert AuditEvent.objects.get().actor_name == "ada"


def test_the_models_own_ways_are_refused_too(event):
    event.actor_name = "somebody else"
    for change in (event.save, event.delete, AuditEvent.objects.all().delete):
        with pytest.raises(REFUSALS, match="append-only"), transaction.atomic():
            change()


def test_the_table_is_emptied_in_a_database_of_tests_alone(event):
    """The trigger is tried in a table beside it whose database it takes for another one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'waybill_audit_is_append_only'")
        body = cursor.fetchone()[0].replace("current_database()", "'waybill'")
        cursor.execute("CREATE TABLE other_log (id int)")
        cursor.execute("CREATE TABLE referred (id int PRIMARY KEY)")
        cursor.execute("ALTER TABLE other_log ADD FOREIGN KEY (id) REFERENCES referred")
        cursor.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS %s", [body])
        cursor.execute("CREATE TRIGGER t BEFORE TRUNCATE ON other_log FOR EACH STATEMENT EXECUTE FUNCTION refuse()")
    for statement in ("TRUNCATE other_log", "TRUNCATE referred CASCADE"):
        assert "TRUNCATE of roles_auditevent is refused" in refused(statement)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE roles_auditevent")
    assert AuditEvent.objects.count() == 0


def test_both_triggers_are_on_in_every_session_also_where_replication_is_replayed():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled::text FROM pg_trigger WHERE tgrelid = 'roles_auditevent'::regclass"
            " AND NOT tgisinternal ORDER BY tgname"
        )
        assert cursor.fetchall() == [("audit_rows_stay", "A"), ("audit_table_stays", "A")]


def test_nothing_refers_to_the_log_and_it_refers_to_nothing_by_constraint():
    """So that TRUNCATE … CASCADE and the removal of a person or an environment do not reach it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint"
            " WHERE contype = 'f' AND 'roles_auditevent'::regclass IN (conrelid, confrelid)"
        )
        assert cursor.fetchall() == []


def test_an_event_outlives_its_person_and_its_environment(event, environment):
    get_user_model().objects.all().delete()
    environment.delete()
    kept = AuditEvent.objects.get()
    assert (kept.actor_name, kept.environment_slug, kept.environment_name) == ("ada", environment.slug, "Contoso")
    assert kept.actor_id == event.actor_id
    assert str(kept) == "change environment Contoso"


def test_django_admin_shows_an_event_whose_person_and_environment_are_gone(event, environment):
    get_user_model().objects.all().delete()
    environment.delete()
    client: Client = client_of(make_user("support", is_staff=True, is_superuser=True))
    for url in (
        reverse("admin:roles_auditevent_changelist"),
        reverse("admin:roles_auditevent_changelist") + "?q=ada",
        reverse("admin:roles_auditevent_change", args=[event.pk]),
    ):
        answer = client.get(url)
        assert answer.status_code == 200
        assert "Contoso" in answer.content.decode()
        assert "ada" in answer.content.decode()


def test_only_one_place_adds_events():
    root = Path(__file__).resolve().parents[3]
    rooms = ("roles", "segments", "connections", "exports", "config")
    sources = {path: path.read_text() for room in rooms for path in (root / room).rglob("*.py")}
    adding = [
        path for path, text in sources.items() if re.search(r"(?<!class )AuditEvent(\.objects\.\w*create)?\(", text)
    ]
    assert [str(path.relative_to(root)) for path in adding] == ["roles/audit/audit.py"]
