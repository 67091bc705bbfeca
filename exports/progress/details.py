"""All that Progress details show of one run, as one person may see it."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from exports.alerts.of_export import AlertSummary, alert_summary
from exports.models import Export, Run
from exports.models.states import Look, State
from exports.progress import facts, history, items
from exports.progress.files import FileEntry, files_of
from exports.progress.log import LogLine, log_of
from exports.progress.remedies import Remedy, next_step, remedies_of
from exports.progress.steps import steps_of
from exports.schedules.words import next_run_of
from exports.shown.runs import run_facts
from exports.shown.status import NEVER_RUN
from roles.access.policy import Access
from roles.permissions import Permission
from roles.ui.locales import percent
from roles.ui.words import exact_time

MANY_FILES = 6
SAID_EVERY = 25  # percent: how often a screen reader hears of a run that goes on


@dataclass(frozen=True)
class Progress:
    """What the panel shows. `detail` is empty for everybody but administrators."""

    run: Run | None
    look: Look
    reason: str
    said: str  # for screen readers: changes with the state, and with every quarter that was sent
    is_last: bool
    next_step: str
    remedies: list[Remedy]
    steps: list[dict[str, Any]]
    items: list[items.ItemFigures]
    facts: list[tuple[str, Any]]
    files: list[FileEntry]
    history: history.LastRuns | None
    detail: str
    log: list[LogLine]
    can_cancel: bool
    can_run: bool
    can_test: bool
    counted: str  # what was sent so far, in words
    of_test: str  # what a test sends; empty for a real run
    time_left: str
    next_run: str
    alerts: AlertSummary
    look_again: str

    @property
    def has_many_files(self) -> bool:
        """Whether the files are folded away at first."""
        return len(self.files) > MANY_FILES


def progress_of(export: Export, access: Access, run: Run | None = None) -> Progress:
    """Return the details of `run`, the last one of `export` unless given, as the user may see them."""
    run = run or export.last_run
    can_edit = export.is_editable_by(access)
    is_paused = access.environment.paused_at is not None
    shown = run_facts(run, export, is_paused=is_paused) if run else None
    status = shown.status if shown else NEVER_RUN
    sees_details = access.has_permission(Permission.SEE_DETAILS)
    can_start = bool(can_edit and export.connection_id and not export.runs.active().exists())
    return Progress(
        run=run,
        look=status.look,
        reason="" if run and run.message and not run.is_active else status.reason,
        said=_said(run) if run else "",
        is_last=run is None or run.most_rows is not None or run.pk == export.last_run_id,
        next_step=next_step(run, access) if run else "",
        remedies=remedies_of(run, export, access) if run else [],
        steps=steps_of(run) if run else [],
        items=items.item_figures(run) if run else [],
        facts=facts.named_facts(run, shown) if run and shown else [],
        files=files_of(run, export, access) if run else [],
        history=history.last_runs_of(export, run),
        detail=str(run.detail) if run and sees_details else "",
        log=log_of(run, with_details=sees_details) if run else [],
        can_cancel=bool(run and run.is_active and can_edit and not _is_beyond_cancel(run)),
        can_run=can_start,
        can_test=can_start and access.has_permission(Permission.EDIT_EXPORTS),
        counted=str(run.words.count(run.rows_done)) if run else "",
        of_test=str(run.words.of_test(run.most_rows)) if run and run.most_rows else "",
        time_left=facts.time_left(run) if run else "",
        next_run=next_run_of(export),
        alerts=alert_summary(export),
        look_again=_poll_interval(run),
    )


def title_of(progress: Progress, export: Export) -> str:
    """Return the words below the panel's title: which export, and which run where it is not the last one."""
    if progress.run is None or progress.is_last:
        return export.name
    return _("%(export)s · run of %(when)s") % {"export": export.name, "when": exact_time(progress.run.queued_at)}


def _poll_interval(run: Run | None) -> str:
    """How soon the panel asks again; empty for a run that has ended."""
    if run is None or not run.is_active:
        return ""
    return "every 1s" if run.is_moving else "every 5s"


def _is_beyond_cancel(run: Run) -> bool:
    """Whether *Cancel* is not offered: it would change nothing, or the run is held and can be dropped instead."""
    is_too_late = run.is_publishing or (run.state == State.RUNNING and run.cancel_requested_at is not None)
    return is_too_late or run.state == State.HELD


def _said(run: Run) -> str:
    if run.state != State.RUNNING or run.percent is None:
        return str(run.look.label)
    quarter = run.percent // SAID_EVERY * SAID_EVERY
    return _("%(state)s, %(percent)s") % {"state": run.look.label, "percent": percent(quarter)}
