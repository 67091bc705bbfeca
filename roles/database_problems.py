"""What PostgreSQL's errors mean: one sentence each with what to do, without passwords or values."""

import re
from collections.abc import Iterator

MIGRATE = "run `manage.py migrate`, then try again."
# SQLSTATEs: what such a one means for whoever operates Waybill. {place} is the server, {account} ours on it.
STATES = {
    "53100": "The disk of {place} is full: make room there, then try again.",
    "53200": "{place} has too little memory: give it more, then try again.",
    "53300": "{place} has no connection left: end some, or raise max_connections there.",
    "25006": "{place} takes no changes (it is read-only): correct DATABASE_URL to name the primary server.",
    "42501": "The account {account} may not do this on {place}: let it own the database {database}.",
    "57014": "{place} stopped the work because it took too long: raise statement_timeout there, then try again.",
    "55P03": "Something else holds what this needs on {place}: try again when that has ended.",
    "40P01": "Something else needed the same on {place} at the same moment: try again.",
}
# What a server or libpq says where nobody is connected, which has no SQLSTATE.
REFUSALS = (
    (
        r"password authentication failed|no password supplied|SASL|SCRAM",
        "{place} rejected the password of the account {account}: correct it in DATABASE_URL.",
    ),
    (
        r'database "[^"]*" does not exist',
        "There is no database {database} on {place}: create it, or correct DATABASE_URL.",
    ),
    (
        r'role "[^"]*" does not exist|not permitted to log in|no pg_hba\.conf entry|permission denied for database',
        "{place} does not let the account {account} into the database {database}: allow it, or correct DATABASE_URL.",
    ),
    (
        r"too many (clients|connections)|remaining connection slots",
        "{place} has no connection left: end some, or raise max_connections there.",
    ),
    (
        r"starting up|shutting down|in recovery mode|not yet accepting|not accepting connections",
        "{place} is starting or stopping: wait a moment, then try again.",
    ),
    (r"SSL|certificate", "{place} cannot be reached by TLS as DATABASE_URL asks: correct sslmode there ({reason})."),
)
AWAY = "{place} does not answer ({reason}): start it, or correct DATABASE_URL."
ENDED = "{place} ended the connection: try again when it is back."
OTHER = "The database refused what was asked ({kind}): add --traceback to see where."
MISSING = {"42P01", "42703", "3F000", "42704"}  # a table, a column, a schema, an object
NO_ROOM = ("No space left on device", "Disk quota exceeded")
SERVER = re.compile(r'server at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+)')


def sentence(error: BaseException) -> str:
    """Return the meaning of `error`; "" if it does not come from a database."""
    from django.db import Error
    from psycopg import Error as DriverError

    chain = list(_chain(error))
    drivers = [each for each in chain if isinstance(each, DriverError)]
    if drivers:
        return _said(next((each for each in drivers if each.sqlstate), drivers[0]))
    return _said(chain[0]) if isinstance(error, Error) else ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _said(error: BaseException) -> str:
    state = str(getattr(error, "sqlstate", None) or "")
    text = _form(error, state)
    return text.format(kind=type(error).__name__, reason=_reason(error), **_places(error))


def _form(error: BaseException, state: str) -> str:
    """Return the sentence for `error` with its gaps unfilled."""
    said = str(error)
    if any(words in said for words in NO_ROOM):
        return STATES["53100"]
    if state in MISSING and _lacks_tables():
        return f"The tables are not those of this version of Waybill: {MIGRATE}"
    if state in STATES:
        return STATES[state]
    if state.startswith(("08", "57P")) or (not state and _is_lost(error, said)):
        return ENDED
    for pattern, text in REFUSALS:
        if re.search(pattern, said) and (not state or state.startswith(("28", "3D"))):
            return text
    return AWAY if not state and type(error).__name__ in {"OperationalError", "ConnectionTimeout"} else OTHER


def _is_lost(error: BaseException, said: str) -> bool:
    return "connection failed" not in said and bool(
        re.search(r"closed|server closed|terminat|consuming input failed|connection is lost", said)
    )


def _lacks_tables() -> bool:
    """Whether the database says that a migration has not been applied."""
    from django.db import Error, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        connection.close()
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except Error:
        return False


def _places(error: BaseException) -> dict[str, str]:
    """Return the server, the database and the account that `error` is about."""
    from django.conf import settings

    ours = settings.DATABASES["default"]
    found = SERVER.search(str(error))
    host, port = (
        (found["host"], found["port"]) if found else (ours.get("HOST") or "localhost", ours.get("PORT") or 5432)
    )
    where = host if str(host).startswith("/") else f"{f'[{host}]' if ':' in str(host) else host}:{port}"
    return {"place": f"PostgreSQL at {where}", "database": str(ours.get("NAME")), "account": str(ours.get("USER"))}


def _reason(error: BaseException) -> str:
    """Return the end of the first line of libpq's message, without a password."""
    from django.conf import settings

    line = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    line = re.sub(r"^.*(?:port \d+|socket \"[^\"]*\") failed: ", "", line)
    password = str(settings.DATABASES["default"].get("PASSWORD") or "")
    return line.replace(password, "…") if password else line
