"""`manage.py doctor`: says what is wrong with this installation, and what to do."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config import doctor


class Command(BaseCommand):
    """Looks at database, workers, dispatcher, disk, keys and clock; changes nothing."""

    help = "Check this installation and say how to fix what is wrong. Exits with 1 if anything is."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(doctor.run_checks(as_json=options["json"], say=self.stdout.write))
