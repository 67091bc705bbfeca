"""The doctor's look at connections: can their secrets still be read?"""

from connections.models import Connection
from roles.checks import Finding, ok, wrong
from roles.secrets import UnreadableSecretError, decrypt


def secrets() -> Finding:
    """Count the connections whose secrets none of this installation's keys can read."""
    stored = Connection.objects.exclude(encrypted_secrets="").values_list("encrypted_secrets", flat=True)
    total, unreadable = stored.count(), sum(not _is_readable(text) for text in stored.iterator())
    if unreadable:
        return wrong(f"The secrets of {unreadable} of {total} connections cannot be read with these keys.",
                     "Add the old key as a line of keys/secrets_keys, or enter the secrets again.")  # fmt: skip
    return ok(f"Those of {total} connections can be read.")


def _is_readable(text: str) -> bool:
    try:
        decrypt(text)
    except UnreadableSecretError:
        return False
    return True
