"""The settings of a transaction that works on customer data, whatever the account's defaults are.

Files of gigabytes and lists of millions take minutes, and a slow target keeps a reader waiting: what
`ALTER ROLE … SET` allows people at a prompt must end neither an import nor a refresh nor a run.
"""

LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
TRANSACTION_LIMIT, SINCE = "transaction_timeout", 170000  # PostgreSQL 17


def settings(server_version: int, *, timeout: float | None = None) -> str:
    """Return the SQL for this transaction: plain dates, UTC, no limits but `timeout` (seconds) for each statement.

    `server_version` is as libpq has it: 150004 for 15.4.
    """
    names = [*LIMITS, TRANSACTION_LIMIT] if server_version >= SINCE else [*LIMITS]
    limits = dict.fromkeys(names, "0") | {"statement_timeout": str(int((timeout or 0) * 1000))}
    plain = {"jit": "off", "datestyle": "'ISO, MDY'", "timezone": "'UTC'"}
    return "; ".join(f"SET LOCAL {name} = {value}" for name, value in {**plain, **limits}.items())
