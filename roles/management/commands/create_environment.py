"""`manage.py create_environment`: an environment with its first administrator."""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from roles import zones
from roles.audit import audit
from roles.kinds import Audience
from roles.models import Environment, RoleAssignment, User
from roles.people import groups
from roles.roles import Role
from roles.validators import composed


class Command(BaseCommand):
    """Makes everything or nothing."""

    help = "Create an environment and its first administrator, and the user too if there is none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="what stands in addresses: /e/SLUG/")
        parser.add_argument("--name", required=True, help="what people see, e.g. Contoso")
        parser.add_argument("--audience", required=True, choices=Audience.values)
        parser.add_argument("--administrator", required=True, metavar="USERNAME")
        parser.add_argument("--email", default="", help="the new administrator's e-mail address")
        parser.add_argument(
            "--language", default="", choices=dict(settings.LANGUAGES), help="of whoever has not chosen one"
        )
        parser.add_argument("--time-zone", default="", metavar="ZONE", help="such as Europe/Paris")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from standard input, do not ask"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = composed(options["name"].strip())
        environment = Environment(
            slug=options["slug"],
            name=name,
            audience=options["audience"],
            language=options["language"],
            time_zone=_zone(options["time_zone"]),
        )
        try:
            environment.full_clean(exclude=["warehouse_schema"])
            with transaction.atomic():
                environment.save()
                user = _administrator(options)
                RoleAssignment.objects.create(environment=environment, user=user, role=Role.ADMINISTRATOR)
                _audit(environment, user)
                groups.carry_all(environment)
        except ValidationError as error:
            raise CommandError(_sentences(error)) from error
        self.stdout.write(f"Created the environment {environment} (/e/{environment.slug}/) with administrator {user}.")


def _zone(typed: str) -> str:
    name = zones.named(typed) if typed else zones.of_installation()
    if name not in zones.known():
        raise CommandError(f"“{typed}” is not a known time zone. Write it like Europe/Paris.")
    return name


def _audit(environment: Environment, user: User) -> None:
    changes = {"name": [None, environment.name], "audience": [None, environment.audience]}
    audit.record(environment, "environment.create", environment, by=None, changes=changes)
    audit.record(environment, "give role", user, by=None, changes={"role": [None, Role.ADMINISTRATOR]})


def _administrator(options: dict[str, Any]) -> User:
    """Return the named user, created if there is none."""
    name = composed(options["administrator"])
    if existing := User.objects.filter(username=name).first():
        return existing
    user = User(username=User.normalize_username(name), email=options["email"])
    password = _from_stdin() if options["password_stdin"] else _asked_for(name)
    validate_password(password, user)
    user.set_password(password)
    user.full_clean()
    user.save()
    audit.record(None, "create account", user, by=None)
    return user


def _from_stdin() -> str:
    return sys.stdin.readline().rstrip("\n")


def _asked_for(name: str) -> str:
    if not sys.stdin.isatty():
        raise CommandError("There is no terminal to ask for a password; use --password-stdin.")
    password = getpass.getpass(f"Password for {name}: ")
    if password != getpass.getpass("Again: "):
        raise CommandError("The two passwords differ.")
    return password


def _sentences(error: ValidationError) -> str:
    """Return the errors, one line for each value."""
    if hasattr(error, "error_dict"):
        return "\n".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())
    return " ".join(error.messages)
