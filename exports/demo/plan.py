"""The demo as data: tables, segments, connections and exports of each environment, and its people."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from connections.models import Sharing
from exports.schedules.recurrence import Recurrence
from roles.kinds import Audience

Conditions = list[dict[str, str]]
PASSWORD = "waybill-demo"  # noqa: S105 - printed at each start of the demo, loopback only
PEOPLE = (
    ("ada", "Ada", "Okafor", "administrator"),
    ("carl", "Carl", "Nyström", "contributor"),
    ("vera", "Vera", "Moretti", "viewer"),
)


class DemoTable(NamedTuple):
    """A table, its key and what it is; `refers_to` maps its fields to the tables that these are the key of.

    Viewers see the columns `shown`.
    """

    name: str
    key: str
    profile_kind: str = ""
    refers_to: tuple[tuple[str, str], ...] = ()
    shown: tuple[str, ...] = ()


class DemoSegment(NamedTuple):
    """A segment of rows of `table`."""

    name: str
    description: str
    conditions: Conditions
    table: str = "Customers"
    projected: tuple[str, ...] = ()


class DemoConnection(NamedTuple):
    """A connection; `named` are the contributors of Sharing.NAMED, a `port` "closed" is one without a server."""

    name: str
    type: str
    folder: str
    sharing: str = Sharing.ALL
    named: tuple[str, ...] = ()  # with Sharing.NAMED
    password: str = PASSWORD
    port: str = "demo"


class DemoExport(NamedTuple):
    """An export and what happens to it at set-up: "run", "cancel" (queued, then canceled) or "" (never run).

    `fields` are chosen of the first segment's table; of others, and where none are named, all are sent. With `tables`
    it is a data-out export: these go out whole, and the segments as member lists.
    """

    name: str
    connection: str
    segments: tuple[str, ...]
    fields: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    story: str = "run"
    compression: str = "none"
    schedule: str = "refresh"
    rule: Recurrence | None = None  # a schedule of its own
    by: str = "carl"
    description: str = ""


@dataclass(frozen=True)
class DemoPlan:
    """One environment: `write` makes a CSV file for each table, from (folder, number of consumers, today)."""

    slug: str
    name: str
    audience: Audience
    tables: tuple[DemoTable, ...]
    write: Callable[[Path, int, date], dict[str, Path]]
    segments: Callable[[date], list[DemoSegment]]
    connections: list[DemoConnection]
    exports: list[DemoExport]
    refreshed: Recurrence  # when the system refresh runs


def condition(field: str, operator: str, value: str = "") -> dict[str, str]:
    """Return one condition as a segment stores it."""
    return {"field": field, "operator": operator, "value": value}
