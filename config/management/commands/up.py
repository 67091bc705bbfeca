"""`manage.py up`: runs the whole portal on this machine until Ctrl-C."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from config import up


class Command(BaseCommand):
    """Starts PostgreSQL, the web server, the workers and the dispatcher, and keeps them running."""

    help = "Run the whole portal: PostgreSQL, web server, workers, dispatcher. Ctrl-C stops all of it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="with demo data and an SFTP server")

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(up.run(is_demo=options["demo"]))
