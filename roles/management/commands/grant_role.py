"""`manage.py grant_role`: how the operator gives a role when nobody else can."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from roles.models import Environment, User
from roles.people import actions
from roles.people.errors import RefusedError
from roles.people.forms import accounts_called
from roles.roles import Role
from roles.validators import composed


class Command(BaseCommand):
    """Gives one role; the audit log names the system as the actor."""

    help = "Give a user a role in an environment, whatever they had there before."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help="the user name, or the e-mail address")
        parser.add_argument("environment", help="what stands in addresses: /e/SLUG/")
        parser.add_argument("role", choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        environment = Environment.objects.filter(slug=options["environment"]).first()
        if environment is None:
            raise CommandError(f"There is no environment {options['environment']!r}.")
        user = _only(accounts_called(composed(options["user"])), options["user"])
        try:
            given = actions.give(environment, user, options["role"], by=None)
        except RefusedError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{user} is now {given.get_role_display()} of {environment}.")


def _only(found: list[User], text: str) -> User:
    if not found:
        raise CommandError(f"There is no user {text!r} who can log in.")
    if len(found) > 1:
        raise CommandError(f"Several users have the address {text!r}. Give the user name.")
    return found[0]
