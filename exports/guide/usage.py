"""The exports on a connection, for the page that removes it: their states, and why one cannot go now."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from psycopg import sql

from connections.models import Connection
from exports.actions import RefusedError
from exports.models import Export, Run, Schedule
from exports.models.states import ACTIVE, Look, State
from exports.schedules.words import schedule_words
from roles.models import User
from roles.searching import Folded
from roles.ui.polls import read, versions
from roles.ui.words import exact_time

MOST_SHOWN = 200  # of the exports at once; a page with more of them would be no help


@dataclass(frozen=True)
class ExportUse:
    """An export on the connection, with its run that has not ended; `next` is the element to go on with."""

    export: Export
    run: Run | None
    next: str

    @property
    def look(self) -> Look:
        """How its state is shown: that of the active run, which may be a test, or of the last run."""
        return self.run.look if self.run else self.export.look

    @property
    def why_not(self) -> str:
        """Say why it can be neither detached nor removed now; empty when it can."""
        if self.run is None or self.run.state != State.RUNNING:
            return ""
        if self.run.cancel_requested_at:
            return _("The job is being canceled.")
        facts = {"time": exact_time(self.run.started_at) if self.run.started_at else "—", "who": self._who()}
        return _("Sending since %(time)s, started by %(who)s. Cancel the job first, or wait.") % facts

    @property
    def schedule(self) -> str:
        """When it runs by itself, in words."""
        return schedule_words(self.export)

    @property
    def note(self) -> str:
        """Say what else happens."""
        return _("A waiting run will be canceled.") if self.run else ""

    @property
    def can_cancel(self) -> bool:
        """Whether its run can still be stopped."""
        return self.run is not None and not self.run.is_publishing and self.run.cancel_requested_at is None

    def _who(self) -> str:
        assert self.run is not None
        return str(self.run.triggered_by or self.run.get_trigger_display())


def usage_context(connection: Connection) -> dict[str, Any]:
    """Return what the page shows of the exports on `connection`; a constant number of queries."""
    mine = Export.objects.filter(connection=connection)
    shown = list(mine.select_related("environment", "last_run", "schedule").order_by(Folded("name"), "pk")[:MOST_SHOWN])
    active = Run.objects.active().filter(export__in=shown).select_related("triggered_by")
    runs = {run.export_id: run for run in active}
    after = [f"guide-detach-{export.pk}" for export in shown[1:]] + ["guide-remove-connection"]
    items = [ExportUse(export, runs.get(export.pk), following) for export, following in zip(shown, after, strict=False)]
    total = len(shown) if len(shown) < MOST_SHOWN else mine.count()
    return {
        "items": items,
        "total": total,
        "more": total - len(shown),
        "is_moving": any(run.is_moving for run in runs.values()),
        "detach_url": _url(connection, "guide_detach"),
        "remove_export_url": _url(connection, "guide_remove"),
        "cancel_url": _url(connection, "guide_cancel"),
    }


_MINE = sql.SQL("SELECT e.id FROM exports_export e WHERE e.connection_id = %(connection)s")
_ACTIVE = sql.SQL("FROM exports_run r WHERE r.export_id IN ({}) AND r.state = ANY(%(active)s)").format(_MINE)
_SEEN = (
    versions(Export, sql.SQL("t.connection_id = %(connection)s")),
    versions(Run, sql.SQL("t.id IN (SELECT r.id {})").format(_ACTIVE)),
    versions(Schedule, sql.SQL("t.export_id IN ({})").format(_MINE)),
    versions(User, sql.SQL("t.id IN (SELECT r.triggered_by_id {})").format(_ACTIVE)),
)


def usage_seen(connection: Connection) -> list[object]:
    """Return what `usage_context` depends on, in one query."""
    return read(_SEEN, {"connection": connection.pk, "active": [*ACTIVE]})


def on_connection(export: Export, connection: Connection, act: Callable[[Export], None]) -> None:
    """Call `act` with the locked export. Raises RefusedError if it is no longer on `connection`."""
    with transaction.atomic():
        mine = Export.objects.select_for_update(of=("self",)).select_related("environment", "connection")
        locked = mine.filter(pk=export.pk, connection=connection).first()
        if locked is None:
            raise RefusedError(_("“%(name)s” is no longer on this connection.") % {"name": export.name})
        act(locked)


def _url(connection: Connection, name: str) -> str:
    return reverse(f"exports:{name}", kwargs={"environment": connection.environment.slug, "pk": connection.pk})
