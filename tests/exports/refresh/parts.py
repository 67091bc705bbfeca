"""What tests say of system refreshes and their parts."""

from django.db import connection
from psycopg import sql

from exports.models import PartKind, RefreshPart, Run, SystemRefresh
from exports.models.states import FINAL, State
from exports.refresh import advance, work


def of(refresh: SystemRefresh) -> dict[str, str]:
    """Return the states of all parts by name."""
    return dict(refresh.parts.values_list("name", "state"))


def message_of(refresh: SystemRefresh, name: str) -> str:
    """Return what a part says."""
    return refresh.parts.get(name=name).message


def part(refresh: SystemRefresh, kind: PartKind, name: str) -> RefreshPart:
    """Return one part."""
    return refresh.parts.get(kind=kind, name=name)


def work_off() -> None:
    """Do what the chores cluster would do now, and look as a dispatcher does."""
    work.work_along()
    advance.advance_all()


def end_runs(refresh: SystemRefresh, state: State = State.SUCCEEDED, **values: object) -> None:
    """Let the runs of the refresh end, as if workers had carried them out."""
    Run.objects.filter(refresh=refresh).exclude(state__in=FINAL).update(
        state=state, ended_at=refresh.queued_at, **values
    )
    advance.advance_all()


def drop(table: object) -> None:
    """Take a table away from the warehouse behind Waybill's back."""
    name = sql.Identifier(table.environment.warehouse_schema, table.name)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE {} CASCADE").format(name))
