"""Load a CSV file into a table of an environment's warehouse."""

import argparse
import signal
import sys
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import ngettext

from roles.kinds import ProfileKind
from roles.models import Environment
from segments.importing.deciding import AUTO, NAMES
from segments.importing.delimiters import DELIMITERS
from segments.importing.loading import ImportRefusedError, import_table
from segments.importing.watching import LOG_SECONDS, ProgressDisplay
from segments.models import Table


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise argparse.ArgumentTypeError(f"“{text}” is not COLUMN=VALUE.")
    return name, value


def _can_be_asked(file: str) -> bool:
    """Whether a person sits at the terminal, and the standard input is not the file."""
    return file != "-" and sys.stdin.isatty()


def _confirm(watch: ProgressDisplay, lines: list[str]) -> bool:
    """Ask the person at the terminal whether columns may go that something uses."""
    for line in lines:
        watch.note(line)
    return input("Import it all the same? [y/N] ").strip().casefold() in {"y", "yes"}


class Command(BaseCommand):
    """Load a CSV file with a header line; the table's old rows stay until the new ones are in place."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """State the arguments."""
        parser.add_argument("file", help="the CSV file, - for the standard input")
        parser.add_argument("--environment", required=True, help="slug of the environment")
        parser.add_argument("--name", required=True, help="name of the table")
        parser.add_argument("--key", action="append", default=[], help="column that tells the rows apart; repeatable")
        parser.add_argument(
            "--profile", choices=ProfileKind.values, default=None, help="what one row of a profile table is"
        )
        parser.add_argument(
            "--date",
            action="append",
            default=[],
            type=_pair,
            metavar="COLUMN=FORMAT",
            help="how dates are written, such as DateOfBirth=%%m/%%d/%%Y (%%Y %%m %%d %%H %%M %%S %%f %%z); repeatable",
        )
        parser.add_argument(
            "--type",
            action="append",
            default=[],
            type=_pair,
            metavar="COLUMN=TYPE",
            help=f"what a column becomes ({', '.join(NAMES)}), or {AUTO}: what its values are now; repeatable",
        )
        parser.add_argument(
            "--semantic",
            action="append",
            default=[],
            type=_pair,
            metavar="COLUMN=TYPE",
            help="what a column means, such as EMail=email; repeatable",
        )
        parser.add_argument(
            "--show-to-viewers",
            action="append",
            default=[],
            metavar="COLUMN",
            help="column whose values viewers see unmasked; repeatable",
        )

        parser.add_argument("--encoding", default="", help="how its text is written, if neither UTF-8 nor UTF-16")
        parser.add_argument(
            "--delimiter", choices=list(DELIMITERS), default="", help="what divides the columns, if it is told wrongly"
        )
        parser.add_argument(
            "--every", type=float, default=LOG_SECONDS, metavar="SECONDS", help="how often a log says how far it is"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, saying how far it is."""
        environment = Environment.objects.filter(slug=options["environment"]).first()
        if environment is None:
            raise CommandError(f"There is no environment {options['environment']}.")
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            table = self._import(environment, options)
        except ImportRefusedError as error:
            raise CommandError(f"{error}\nNothing was changed.") from error
        except KeyboardInterrupt as error:
            raise CommandError("Stopped. Nothing was changed.", returncode=130) from error
        finally:
            signal.signal(signal.SIGTERM, before)
        rows, fields = table.row_count, table.fields.count()
        said = (ngettext("%(n)s row", "%(n)s rows", rows), ngettext("%(n)s field", "%(n)s fields", fields))
        self.stdout.write(f"{table.name}: {said[0] % {'n': f'{rows:,}'}}, {said[1] % {'n': fields}}.")

    def _import(self, environment: Environment, options: dict[str, Any]) -> Table:
        with ProgressDisplay(self.stderr, options["every"]) as watch:
            return import_table(
                environment,
                options["name"],
                sys.stdin.buffer if options["file"] == "-" else options["file"],
                keys=options["key"],
                profile_kind=options["profile"],
                date_formats=dict(options["date"]),
                semantic_types=dict(options["semantic"]),
                shown=options["show_to_viewers"],
                types=dict(options["type"]),
                encoding=options["encoding"],
                delimiter=options["delimiter"],
                confirm=partial(_confirm, watch) if _can_be_asked(options["file"]) else None,
                progress=watch.say,
                tell=watch.note,
            )
