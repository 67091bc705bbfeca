"""`manage.py purge`: removes now what the nightly purge would remove; with --dry-run only says how much."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from exports.runs import purge


class Command(BaseCommand):
    """Remove what is older than it is kept, and say what it was."""

    help = _("Removes runs older than WAYBILL_KEEP_RUNS_DAYS with their logs, and other expired data.")

    def add_arguments(self, parser: CommandParser) -> None:
        """Offer to look only."""
        parser.add_argument("--dry-run", action="store_true", help=_("Show what would be removed; remove nothing."))

    def handle(self, *args: Any, **options: Any) -> None:
        """Purge, or count; a line for each table."""
        is_dry = options["dry_run"]
        removed = purge.counts() if is_dry else purge.purge()[0]
        for name, count in sorted(removed.items()):
            self.stdout.write(f"{name}: {count}")
        if not removed:
            self.stdout.write(_("Nothing to remove: no data is older than its limit."))
        elif is_dry:
            self.stdout.write(_("Nothing was removed. Run without --dry-run to remove it."))
