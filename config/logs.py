"""The format of the log: lines for people, or JSON objects for log collectors (docs/operations.md)."""

import json
import logging
import os
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured

FORMATS = ("text", "json")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class Lines(logging.Formatter):
    """Lines whose database errors say what failed and where, without PostgreSQL's words, which quote values."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return the traceback with an ellipsis for the database's words."""
        text = super().formatException(ei)
        for error in _chain(ei[1]):
            text = text.replace(str(error), "…") if _is_of_the_database(error) and str(error) else text
        return text


class JsonLines(Lines):
    """One object a line, of these names alone: what else hangs on a record may quote addresses with tokens."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON; times are UTC, run and request are ids."""
        from roles import log_context  # both ask the settings, which this module helps to make
        from roles.people.logs import SECRET_PATH

        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **log_context.current(),
        }
        if record.exc_info:
            line["error"] = SECRET_PATH.sub(r"\1…", self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, default=str)


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return `error` and all of its causes, each once."""
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in found:
            found.append(each)
            waiting += [each.__cause__, each.__context__, *getattr(each, "exceptions", ())]
    return found


def _is_of_the_database(error: BaseException) -> bool:
    """Whether the error comes from PostgreSQL or its driver."""
    import psycopg
    from django.db import Error

    return isinstance(error, psycopg.Error | Error)


def logging_settings() -> dict[str, Any]:
    """Return Django's LOGGING as the environment asks for it."""
    formatter, level = _chosen("WAYBILL_LOG_FORMAT", FORMATS, "text"), _chosen("WAYBILL_LOG_LEVEL", LEVELS, "INFO")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"()": "config.logs.Lines", "format": "{asctime} {levelname} {name}: {message}", "style": "{"},
            "json": {"()": "config.logs.JsonLines"},
        },
        "filters": {"links": {"()": "roles.people.logs.HideLinks"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": formatter, "filters": ["links"]}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
            "waitress": {"level": "WARNING"},  # else it says whenever a browser goes away
            "waitress.queue": {"level": "ERROR"},
        },
    }


def _chosen(name: str, choices: tuple[str, ...], default: str) -> str:
    """Return the variable `name`, which is one of `choices`."""
    value = os.environ.get(name) or default
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r} is not known. Write one of: {', '.join(choices)}.")
    return value
