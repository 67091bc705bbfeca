#!/usr/bin/env python
"""Waybill's command line. Commands that need the database find the embedded server running."""

import os
import sys
from typing import Any, NoReturn

NO_DATABASE = {
    "check", "collectstatic", "compilemessages", "diffsettings", "doctor", "help", "makemessages", "up", "version",
}  # fmt: skip
INTERRUPTED = 130  # what a shell calls the end by Ctrl-C


def main() -> None:
    """Run the command named on the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        if _needs_database(sys.argv[1:]):
            _start_database()
        _execute()
    except Exception as error:
        if "--traceback" in sys.argv or not (said := _said(error)):
            raise
        sys.exit(said)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _execute() -> None:
    """Do what Django does, but let what the database said reach `main` where a command only hands it on."""
    from django.core.management import CommandError, ManagementUtility
    from django.db import Error

    class Utility(ManagementUtility):
        def fetch_command(self, subcommand: str) -> Any:
            command = super().fetch_command(subcommand)
            execute = command.execute

            def telling(*words: Any, **options: Any) -> Any:
                try:
                    return execute(*words, **options)
                except CommandError as error:
                    cause = error.__cause__ or error.__context__
                    if isinstance(cause, Error) and not options.get("traceback"):
                        raise cause  # noqa: B904 - what it said itself
                    raise

            command.execute = telling  # type: ignore[method-assign]
            return command

    Utility(sys.argv).execute()


def _said(error: Exception) -> str:
    """Return in a sentence what kept a command from its work, "" where that is a mistake in its code."""
    from django.core.exceptions import ImproperlyConfigured

    from config import problems
    from roles import database_problems

    if said := database_problems.sentence(error):
        return said
    return problems.sentence(error) if isinstance(error, ImproperlyConfigured | OSError) else ""


def _needs_database(arguments: list[str]) -> bool:
    is_help = not arguments or bool({"-h", "--help", "--version"} & set(arguments))
    return not is_help and _settings().EMBEDDED_DATABASE and arguments[0] not in NO_DATABASE


def _settings() -> Any:
    """Return the settings; end with a sentence when they cannot be read."""
    from django.conf import settings
    from django.core.exceptions import ImproperlyConfigured

    from config.places import data_dir
    from config.problems import sentence

    try:
        settings.DATABASES  # noqa: B018 - reads them
    except (ImproperlyConfigured, OSError) as error:
        _give_up(sentence(error, data_dir()))
    return settings


def _give_up(problem: str) -> NoReturn:
    """End with a sentence; the doctor says it in its own form."""
    if sys.argv[1:2] != ["doctor"]:
        sys.exit(problem)
    from config import doctor

    sys.exit(doctor.report_unreadable_settings(problem, as_json="--json" in sys.argv, say=print))


def _start_database() -> None:
    from config import embedded_postgres
    from config.problems import sentence

    data_dir = _settings().DATA_DIR
    try:
        embedded_postgres.ensure_running(data_dir, say=lambda text: print(text, file=sys.stderr))
    except (embedded_postgres.CannotRunError, OSError) as error:
        sys.exit(sentence(error, data_dir))


if __name__ == "__main__":
    main()
