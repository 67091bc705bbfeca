"""`manage.py export_spec NAME_OR_ID --environment SLUG`: an export as JSON.

With --check FILE it says whether an export may be as FILE says.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from exports.management.finding import environment_called, export_called
from exports.models import Export
from exports.spec.catalogue import Catalogue
from exports.spec.check import Checked, check_resolved
from exports.spec.document import MOST_BYTES, document_of, read_document
from exports.spec.problems import MOST_PROBLEMS, Problem, one_line
from exports.spec.resolved import Resolved
from exports.spec.stored import sent_spec
from roles.models import Environment

STDIN = "-"
LONGEST_MESSAGE = 500  # characters; some quote what is wrong


class Command(BaseCommand):
    """Print an export, or check a document; nothing is changed."""

    help = _(
        "Prints an export as JSON, with objects by name. With --check: checks whether an export may be as FILE says."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the export and its environment, or a file."""
        about = _(
            "The export's name or id. With --check: the export that FILE is to change; by default the one FILE names."
        )
        parser.add_argument("export", nargs="?", help=about)
        parser.add_argument("--environment", required=True, metavar="SLUG")
        parser.add_argument("--check", metavar="FILE", help=_("Check FILE; - is standard input."))
        parser.add_argument("--json", action="store_true", help=_("With --check: print problems as JSON."))

    def handle(self, *args: Any, **options: Any) -> None:
        """Print; the exit code is 1 where something is wrong."""
        environment = environment_called(options["environment"])
        export = export_called(options["export"], environment.slug) if options["export"] else None
        if options["check"]:
            self._check(_read(options["check"]), environment, export, as_json=options["json"])
        elif export is None:
            raise CommandError(_("Name an export, or check a file with --check FILE."))
        else:
            self._print(export)

    def _print(self, export: Export) -> None:
        spec, left_out = sent_spec(export, Catalogue(export.environment))
        for problem in left_out:
            self.stderr.write(_line(problem))
        self.stdout.write(json.dumps(document_of(spec), indent=2, ensure_ascii=False))

    def _check(self, data: bytes, environment: Environment, export: Export | None, *, as_json: bool) -> None:
        document = read_document(data)
        export = export or _export_of(document.spec.name, environment)
        checked = check_resolved(Resolved(document.spec, Catalogue(environment), export), document.problems)
        self._report(checked, as_json=as_json)
        if checked.errors:
            sys.exit(1)

    def _report(self, checked: Checked, *, as_json: bool) -> None:
        errors = checked.errors[:MOST_PROBLEMS]
        if as_json:
            found = {"errors": _as_json(errors), "warnings": _as_json(checked.warnings)}
            self.stdout.write(json.dumps(found, indent=2))
            return
        for problem in errors:
            self.stdout.write(_line(problem))
        for problem in checked.warnings:
            self.stderr.write(_line(problem))
        if not errors:
            self.stdout.write(_("No problems found in “%(name)s”.") % {"name": one_line(checked.spec.name)})


def _read(path: str) -> bytes:
    """Read a file, or standard input; no more than tells that it is too large."""
    try:
        if path == STDIN:
            return sys.stdin.buffer.read(MOST_BYTES + 1)
        with Path(path).open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        text = _("“%(path)s” cannot be read: %(reason)s.")
        reason = getattr(error, "strerror", None) or error
        raise CommandError(text % {"path": one_line(path), "reason": reason}) from error


def _export_of(name: str, environment: Environment) -> Export | None:
    """The export that a document names; None for a new one. What is no name is asked of no database."""
    names = list(environment.exports.values_list("pk", "name"))
    same = [pk for pk, other in names if other == name]
    like = [pk for pk, other in names if other.casefold() == name.casefold()]
    found = next(iter(same + like), None)
    return Export.objects.select_related("connection").get(pk=found) if found else None


def _line(problem: Problem) -> str:
    text = " ".join(filter(None, [_shortened(problem.message), _shortened(problem.reason)]))
    return f"{problem.field}: {text} [{problem.code}]"


def _shortened(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]}…"


def _as_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [
        {
            "field": problem.field,
            "path": list(problem.path),
            "code": problem.code,
            "message": _shortened(problem.message),
        }
        | ({"reason": _shortened(problem.reason)} if problem.reason else {})
        for problem in problems
    ]
