"""`manage.py create_environment` on an empty installation."""

import io

import pytest
from django.core.management import CommandError, call_command

from roles.models import AuditEvent, Environment, RoleAssignment, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def create(monkeypatch, capsys):
    """Run the command with a password on standard input."""

    def run(slug="contoso", password="a long pass phrase", **options):
        monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
        options = {"name": "Contoso", "audience": "consumers", "administrator": "ada"} | options
        call_command("create_environment", slug, password_stdin=True, **options)
        return capsys.readouterr().out

    return run


def test_first_administrator_can_sign_in_and_has_the_role(create):
    assert "/e/contoso/" in create(email="ada@example.com")
    assignment = RoleAssignment.objects.get()
    assert (assignment.environment.slug, assignment.role) == ("contoso", "administrator")
    assert assignment.user.check_password("a long pass phrase")
    assert assignment.user.email == "ada@example.com"
    assert not assignment.user.is_superuser
    events = AuditEvent.objects.order_by("pk").values_list("action", flat=True)
    assert list(events) == ["create account", "environment.create", "give role"]


def test_user_who_exists_keeps_the_password(create):
    create()
    create(slug="fabrikam", name="Fabrikam", audience="businesses", password="")
    ada = User.objects.get()
    assert ada.check_password("a long pass phrase")
    assert ada.role_assignments.count() == 2


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"password": "short"}, "too short"),
        ({"slug": "No Slug"}, "slug: "),
        ({"administrator": "no spaces"}, "username: "),
    ],
)
def test_wrong_value_is_named_and_nothing_is_made(create, wrong, said):
    with pytest.raises(CommandError, match=said):
        create(**wrong)
    assert not Environment.objects.exists()
    assert not User.objects.exists()


def test_second_environment_of_the_same_address_is_refused(create):
    create()
    with pytest.raises(CommandError, match="slug: "):
        create()
