"""`manage.py restore`: restores an empty database from a file of `manage.py backup`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import backup


class Command(BaseCommand):
    """Reads a dump with the pg_restore that comes with Waybill."""

    help = "Restore an empty database from a file of `manage.py backup` or pg_dump."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file to read")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            backup.restore(options["file"])
        except (backup.BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Restored. Put the matching keys in place, then start Waybill.")
