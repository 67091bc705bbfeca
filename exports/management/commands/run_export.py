"""`manage.py run_export NAME_OR_ID --environment SLUG --wait`: what the Run button does, from a shell.

With --test it does what *Send a test of 10* does.
"""

import json
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from exports.actions import CannotRunError, run_now, send_test
from exports.management.finding import export_called
from exports.models import Run, Trigger
from exports.models.states import DELIVERED

LOOK_EVERY = 0.1  # seconds


class Command(BaseCommand):
    """Queue a run through the same queue as the portal; with --wait, print its end as one JSON object."""

    help = _("Runs one export through the queue. With --wait, prints run, status, rows, bytes, seconds and files.")

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the export and its environment."""
        parser.add_argument("export", help=_("The export's name or id."))
        parser.add_argument("--environment", required=True, metavar="SLUG")
        parser.add_argument("--wait", action="store_true", help=_("Wait for the run to end and print it as JSON."))
        parser.add_argument(
            "--test", action="store_true", help=_("Send ten records of each segment or table to the test folder.")
        )
        parser.add_argument("--timeout", type=float, default=0, metavar="SECONDS", help=_("Maximum time to wait."))

    def handle(self, *args: Any, **options: Any) -> None:
        """Queue, wait, print; the exit code is 0 only for a run that delivered."""
        export = export_called(options["export"], options["environment"])
        try:
            run = send_test(export, by=None) if options["test"] else run_now(export, by=None, trigger=Trigger.SHELL)[0]
        except CannotRunError as error:
            raise CommandError(str(error)) from error
        if not options["wait"]:
            self.stdout.write(json.dumps({"run": str(run.uuid), "status": run.state}))
            return
        run = _wait(run, options["timeout"])
        self.stdout.write(json.dumps(run.as_result(), ensure_ascii=False))
        if run.message:
            self.stderr.write(str(run.message))
        if run.state not in DELIVERED:
            sys.exit(1)


def _wait(run: Run, timeout: float) -> Run:
    """Wait until the run has ended, or waits for a person or a later try."""
    deadline = time.monotonic() + timeout if timeout else None
    while True:
        run.refresh_from_db()
        if not run.is_moving:
            return run
        if deadline and time.monotonic() > deadline:
            return run
        time.sleep(LOOK_EVERY)
