"""The tasks of the chores cluster; each only loads and calls one thing."""

from datetime import datetime

from connections.testing.testing import perform


def check(connection_id: int, asked_at: str) -> None:
    """Run the test requested at `asked_at` (ISO 8601); harmless if delivered twice."""
    perform(connection_id, datetime.fromisoformat(asked_at))
