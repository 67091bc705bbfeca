"""`manage.py backup`: writes the database into one file while Waybill runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config import backup


class Command(BaseCommand):
    """Writes a dump with the pg_dump that comes with Waybill."""

    help = "Back up the database to a file. Back up the keys separately: see docs/operations.md."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file to write; it must not be there")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            size = backup.dump(options["file"])
        except (backup.BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{options['file']}: {size:,} bytes. It does not hold the keys; back those up too.")
