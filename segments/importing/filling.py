"""Changes the rows of a table that has views, grants or the like in place: writes only what differs.

Policies, grants, views, indexes, triggers, publications, whatever hangs on the table goes on as it is, known here or
not: it is the same table. Its readers keep their snapshot. Triggers and rules do not see the rows that an import
writes, as they never saw those of a table that took its place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import psycopg
from django.utils.translation import gettext as _
from psycopg import sql

from segments.importing import fitting
from segments.importing.csvfile import ImportRefusedError
from segments.importing.locking import EXCLUSIVE, NO_OTHER_WRITER, lock
from segments.importing.setting_aside import set_aside
from segments.importing.standing import Standing

# With row_security off, a policy that would hide rows from us is an error.
SESSION = "SET LOCAL work_mem = '128MB'; SET LOCAL enable_nestloop = off; SET LOCAL row_security = off"
AFTER = "SET LOCAL work_mem TO DEFAULT; SET LOCAL enable_nestloop TO DEFAULT; SET LOCAL row_security TO DEFAULT"
# Both give the quoted names of the table and of what is on it, and how that is switched on.
TRIGGERS = """SELECT format('%%I.%%I', n.nspname, c.relname), quote_ident(t.tgname), t.tgenabled::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgparentid = 0
    AND (c.oid = %(oid)s OR c.oid IN (SELECT relid FROM pg_partition_tree(%(oid)s)))"""
RULES = """SELECT format('%%I.%%I', n.nspname, c.relname), quote_ident(r.rulename), r.ev_enabled::text
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = %(oid)s AND r.ev_type <> '1' AND r.ev_enabled IN ('O', 'A')"""
FORCED = """SELECT format('%%I.%%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = %(oid)s AND c.relforcerowsecurity"""
Switch = tuple[str, str]  # SQL that switches off, SQL that switches on again
AGAIN = {"O": "ENABLE", "A": "ENABLE ALWAYS"}
DEFERRABLE = """SELECT n.nspname, k.conname FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
WHERE k.condeferrable AND %(oid)s IN (k.conrelid, k.confrelid)"""


@dataclass(frozen=True)
class Made:
    """The new rows, in a table called `new` for the time being, and the table `name` that they are for.

    `types` maps the columns' names to their types. `was` does so for what the import before made, None where there
    is none that Waybill remembers; `old_keys` and `keys` tell the rows apart, then and now.
    """

    schema: str
    name: str
    new: sql.Identifier
    types: Mapping[str, str]
    keys: Sequence[str]
    was: Mapping[str, str] | None = None
    old_keys: Sequence[str] = ()

    @property
    def relation(self) -> sql.Identifier:
        """The table that gets the rows."""
        return sql.Identifier(self.schema, self.name)


def fill(
    raw: psycopg.Connection,
    made: Made,
    oid: int,
    standing: Standing,
    *,
    patience: float,
    say: Callable[[str], None],
) -> None:
    """Replace the rows of the table by those of `made.new`, and drop that. Raises ImportRefusedError."""
    raw.execute(SESSION)
    change = fitting.change_for(raw, made.relation, oid, made.types, made.was or {})
    has_key = fitting.has_key(raw, oid, made.keys)
    fitting.refuse_unkeepable(raw, made.name, oid, change, has_key=has_key)
    switches = _switches(raw, oid, "RULE", RULES) + _force(raw, oid)
    has_changed_key = sorted(made.keys) != sorted(made.old_keys)
    mode = EXCLUSIVE if change.is_needed or switches or has_changed_key else NO_OTHER_WRITER
    lock(raw, made.relation, made.name, mode, patience, say)
    switches += _switches(raw, oid, "TRIGGER", TRIGGERS)
    aside = set_aside(raw, standing.views) if change.is_needed and standing.has_simple_views else nullcontext()
    with aside, _switched_off(raw, switches):
        if has_changed_key:
            fitting.drop_key(raw, made.name, made.relation, oid, made.old_keys)
        is_emptied = fitting.apply(raw, made.name, change)
        try:
            _fill(raw, made, oid, by_key=has_key and not is_emptied)
        except psycopg.IntegrityError as error:
            raise fitting.unfit(made.name, error) from error
        fitting.add_key(raw, made.relation, oid, made.keys)
    raw.execute(sql.SQL("DROP TABLE {}").format(made.new))
    raw.execute(sql.SQL("ANALYZE {}").format(made.relation))
    raw.execute(AFTER)


def _switches(raw: psycopg.Connection, oid: int, noun: str, query: str) -> list[Switch]:
    """Return the statements that switch triggers and rules off, and those that switch them on again."""
    rows = raw.execute(query, {"oid": oid}).fetchall()
    return [
        (f"ALTER TABLE {table} DISABLE {noun} {name}", f"ALTER TABLE {table} {AGAIN[enabled]} {noun} {name}")
        for table, name, enabled in rows
    ]


def _force(raw: psycopg.Connection, oid: int) -> list[Switch]:
    """Return the statements that suspend row policies which bind the owner too."""
    start = [f"ALTER TABLE {table}" for (table,) in raw.execute(FORCED, {"oid": oid}).fetchall()]
    return [(f"{one} NO FORCE ROW LEVEL SECURITY", f"{one} FORCE ROW LEVEL SECURITY") for one in start]


@contextmanager
def _switched_off(raw: psycopg.Connection, switches: Sequence[Switch]) -> Iterator[None]:
    for off, _on in switches:
        raw.execute(off)
    yield
    for _off, on in switches:
        raw.execute(on)


def _fill(raw: psycopg.Connection, made: Made, oid: int, *, by_key: bool) -> None:
    """Write the rows, and check the deferred constraints now."""
    if by_key:
        _write_differences(raw, made)
    else:
        raw.execute(sql.SQL("DELETE FROM {}").format(made.relation))
        raw.execute(_inserting(made))
    _check_now(raw, oid)
    query = sql.SQL("SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {})").format(made.relation, made.new)
    held, wanted = raw.execute(query).fetchone() or (0, 0)
    if held != wanted:
        text = _("%(name)s would have %(held)s rows instead of %(wanted)s. Check what was changed on it in PostgreSQL.")
        raise ImportRefusedError(text % {"name": made.name, "held": f"{held:,}", "wanted": f"{wanted:,}"})


def _write_differences(raw: psycopg.Connection, made: Made) -> None:
    """Delete, update and insert rows. Numbers are compared as written: 1.0 differs from 1.00."""
    names = [sql.Identifier(name) for name in made.types]
    row = {alias: sql.SQL(", ").join(sql.SQL(f"{alias}.{{}}").format(name) for name in names) for alias in "on"}
    parts = {
        "table": made.relation,
        "new": made.new,
        "same": _same(made),
        "differs": sql.SQL("record_image_ne(ROW({}), ROW({}))").format(row["o"], row["n"]),
        "values": sql.SQL(", ").join(
            sql.SQL("{0} = n.{0}").format(sql.Identifier(name)) for name in made.types if name not in made.keys
        ),
    }
    gone = "DELETE FROM {table} o WHERE NOT EXISTS (SELECT FROM {new} n WHERE {same})"
    raw.execute(sql.SQL(gone).format(**parts))
    if len(made.keys) < len(made.types):
        _write_changed(raw, parts)
    missing = sql.SQL(" WHERE NOT EXISTS (SELECT FROM {table} o WHERE {same})").format(**parts)
    raw.execute(_inserting(made) + missing)


def _write_changed(raw: psycopg.Connection, parts: Mapping[str, sql.Composable]) -> None:
    try:
        with raw.transaction():
            changed = "UPDATE {table} o SET {values} FROM {new} n WHERE {same} AND {differs}"
            raw.execute(sql.SQL(changed).format(**parts))
    except (psycopg.errors.UniqueViolation, psycopg.errors.ExclusionViolation, psycopg.errors.GeneratedAlways):
        # Two rows that exchange a unique value: only without both is there room for either.
        changed = "DELETE FROM {table} o USING {new} n WHERE {same} AND {differs}"
        raw.execute(sql.SQL(changed).format(**parts))


def _inserting(made: Made) -> sql.Composed:
    names = [sql.Identifier(name) for name in made.types]
    return sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {} n").format(
        made.relation, sql.SQL(", ").join(names), sql.SQL(", ").join(names), made.new
    )


def _same(made: Made) -> sql.Composed:
    return sql.SQL(" AND ").join(sql.SQL("o.{0} = n.{0}").format(sql.Identifier(key)) for key in made.keys)


def _check_now(raw: psycopg.Connection, oid: int) -> None:
    for schema, name in raw.execute(DEFERRABLE, {"oid": oid}).fetchall():
        constraint = sql.Identifier(schema, name)
        raw.execute(sql.SQL("SET CONSTRAINTS {} IMMEDIATE").format(constraint))
