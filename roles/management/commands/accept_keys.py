"""`manage.py accept_keys`: make this machine's keys the database's keys."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from roles.secrets import rotation, same_keys


class Command(BaseCommand):
    """For keys that were lost or changed; every other machine then needs these keys."""

    help = "Register this machine's keys as the database's keys. All other machines then need the same ones."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            same_keys.accept()
            rotation.record_everywhere("accepted")
        self.stdout.write("The keys of this machine are now those of the database. Start Waybill again.")
