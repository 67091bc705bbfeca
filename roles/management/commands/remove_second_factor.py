"""`manage.py remove_second_factor`: for people who lost their app and their recovery codes."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import transaction

from roles.audit import audit
from roles.sign_in.adapter import account_of


class Command(BaseCommand):
    """Remove the second factor of one account."""

    help = "Remove the second factor of an account, for example when the phone is lost."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the account's user name."""
        parser.add_argument("login", help="user name or e-mail of the account")

    def handle(self, *args: Any, login: str, **options: Any) -> None:
        """Remove the second factor with its recovery codes, and record that."""
        user = account_of(username=login)
        if user is None:
            raise CommandError(f"There is no account {login!r}. Write its user name or e-mail.")
        with transaction.atomic():
            count, _models = Authenticator.objects.filter(user=user).delete()
            if count:
                audit.record(None, "turn off second factor", user, by=None)
        self.stdout.write(f"{user.username} logs in with the password alone." if count else "It has no second factor.")
