"""`manage.py demo_data`: what `make demo` shows. Needs the demo's SFTP server and the clusters running."""

import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from exports.demo.setup import CUSTOMERS, make_demo


class Command(BaseCommand):
    """Make the demo's environment; what is there already is kept."""

    help = _("Creates the environment, users, data, connections and exports of the demo. Called by `make demo`.")

    def add_arguments(self, parser: CommandParser) -> None:
        """Say how many customers."""
        parser.add_argument("--customers", type=int, default=os.environ.get("WAYBILL_DEMO_CUSTOMERS") or CUSTOMERS)

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse outside a demo: its log-ins are printed in the open."""
        if not settings.DEMO or "WAYBILL_SFTP_PORT" not in os.environ:
            raise CommandError(_("Only `make demo` can create the demo's data: its passwords are public."))
        make_demo(self._say, options["customers"])

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
