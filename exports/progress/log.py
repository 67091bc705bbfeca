"""The log of a run, line by line, as one person may see it."""

from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from exports.models import Level, Run
from exports.runs import log
from roles.ui import locales
from roles.ui.words import exact_time

TONES: dict[str, str] = {Level.INFO: "neutral", Level.WARNING: "warning", Level.ERROR: "danger"}


@dataclass(frozen=True)
class LogLine:
    """One line: `day` is filled where it is another one than that of the line before."""

    id: str
    day: str
    time: str
    exact: str
    text: str
    tone: str
    detail: str


def log_of(run: Run, *, with_details: bool) -> list[LogLine]:
    """Return the log of `run`, oldest first; the technical details only where they may be seen."""
    lines: list[LogLine] = []
    day: date | None = None
    for line in log.lines_of(run):
        local = timezone.localtime(line.at)
        said = locales.day(local.date()) if local.date() != day else ""
        day = local.date()
        detail = str(line.detail) if with_details else ""
        look = (TONES[line.level], detail)
        lines.append(
            LogLine(
                f"log-{line.pk or 0}",
                said,
                locales.clock(local.time(), seconds=True),
                exact_time(line.at),
                str(line.text),
                *look,
            )
        )
    return lines
