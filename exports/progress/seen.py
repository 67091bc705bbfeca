"""What the answer to a poll of Progress details depends on, read in one query."""

from uuid import UUID

from django.utils import timezone
from psycopg import sql

from connections.models import Connection
from exports.models import Alert, AlertChannel, AlertDelivery, Export, RefreshSchedule, Run, RunLine, Schedule
from exports.models.states import State
from roles.access.policy import Access
from roles.models import RoleAssignment, User
from roles.ui.polls import ages, read, versions

LAST_RUNS = 24  # of the export: those that the chart shows, and tests among them

_EXPORT = "SELECT e.id FROM exports_export e WHERE e.id = %(export)s AND e.environment_id = %(environment)s"
_RUN = "FROM exports_run r WHERE r.uuid = %(run)s AND r.export_id = %(export)s AND r.environment_id = %(environment)s"
_CHANNELS = "SELECT c.id FROM exports_alertchannel c WHERE c.environment_id = %(environment)s"
_TIMES = (
    f"(SELECT r.state {_RUN})",
    f"(SELECT r.not_before {_RUN})",
)
_VERSIONS = (
    versions(Export, sql.SQL("t.id IN ({})").format(sql.SQL(_EXPORT))),
    versions(
        Run,
        sql.SQL(
            "t.id IN (SELECT r.id FROM exports_run r WHERE r.export_id IN ({}) ORDER BY r.id DESC LIMIT {})"
        ).format(sql.SQL(_EXPORT), sql.Literal(LAST_RUNS)),
    ),
    versions(Run, sql.SQL("t.id IN (SELECT r.id {})").format(sql.SQL(_RUN))),
    versions(RunLine, sql.SQL("t.run_id IN (SELECT r.id {})").format(sql.SQL(_RUN))),
    versions(
        User,
        sql.SQL("t.id IN (SELECT unnest(ARRAY[r.triggered_by_id, r.canceled_by_id, r.decided_by_id]) {})").format(
            sql.SQL(_RUN)
        ),
    ),
    versions(Schedule, sql.SQL("t.export_id IN ({})").format(sql.SQL(_EXPORT))),
    versions(RefreshSchedule, sql.SQL("t.environment_id = %(environment)s")),
    versions(Connection, sql.SQL("t.environment_id = %(environment)s")),
    versions(Connection.shared_with.through, sql.SQL("t.user_id = %(user)s")),
    versions(Export.detached_users.through, sql.SQL("t.user_id = %(user)s")),
    versions(Alert, sql.SQL("t.export_id IN ({})").format(sql.SQL(_EXPORT))),
    versions(AlertChannel, sql.SQL("t.environment_id = %(environment)s")),
    versions(AlertChannel.exports.through, sql.SQL("t.export_id IN ({})").format(sql.SQL(_EXPORT))),
    versions(
        AlertDelivery,
        sql.SQL(
            "t.alert_id IN (SELECT a.id FROM exports_alert a WHERE a.closed_at IS NULL AND a.export_id IN ({}))"
        ).format(sql.SQL(_EXPORT)),
    ),
    versions(AlertChannel.people.through, sql.SQL("t.alertchannel_id IN ({})").format(sql.SQL(_CHANNELS))),
    versions(
        User,
        sql.SQL("t.id IN (SELECT p.user_id FROM exports_alertchannel_people p WHERE p.alertchannel_id IN ({}))").format(
            sql.SQL(_CHANNELS)
        ),
    ),
    versions(RoleAssignment, sql.SQL("t.environment_id = %(environment)s")),
)


def seen_of(access: Access, export: int, run: UUID | str) -> list[object]:
    """Return it for a run of an export. What runs changes with each second that passes."""
    values = {"environment": access.environment.pk, "export": export, "run": run, "user": access.user.pk}
    state, next_try, *rows = read([*map(sql.SQL, _TIMES), *_VERSIONS], values)
    seconds = int(timezone.now().timestamp()) if state == State.RUNNING else 0
    return [ages([next_try] if state == State.RETRYING else []), seconds, *rows]
