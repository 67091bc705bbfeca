"""The doctor's checks of connections: readable secrets, and installed types."""

from connections.destinations import registry
from connections.models import Connection
from roles.checks import Finding, ok, warning, wrong
from roles.secrets.store import OtherServerError, keys_path


def secrets() -> Finding:
    """Count the connections whose secrets no key can read, or that name another server than their secrets."""
    stored = Connection.objects.exclude(encrypted_secrets="").only("type", "settings", "encrypted_secrets")
    problems = [connection.secret_problem for connection in stored.iterator()]
    strays = sum(isinstance(problem, OtherServerError) for problem in problems)
    unreadable = len(problems) - problems.count(None) - strays
    if unreadable:
        return wrong(f"The secrets of {unreadable} of {len(problems)} connections cannot be read with these keys.",
                     f"Add the old key {_place_of_keys()}, then run manage.py rotate_secrets; or enter the secrets "
                     "again.")  # fmt: skip
    if strays:
        return wrong(f"The secrets of {strays} of {len(problems)} connections are not for the server that is set now.",
                     "If a key came back, run manage.py rotate_secrets; else enter the secrets again.")  # fmt: skip
    return ok(f"Those of {len(problems)} connections can be read.")


def types() -> Finding:
    """Name the connection types whose dependencies are not installed."""
    if missing := registry.missing():
        named = ", ".join(f"“{one.name}” (no Python module {one.module})" for one in missing)
        wanted = ", ".join(one.requirement for one in missing)
        return warning(f"Connection types that cannot be used: {named}.", f"Install {wanted}, or ignore this.")
    return ok(f"All {len(registry.destinations())} can be used.")


def _place_of_keys() -> str:
    """Say where to add a key."""
    path = keys_path()
    return f"as a line of {path}" if path else "to WAYBILL_SECRETS_KEYS behind a comma and start Waybill again"
