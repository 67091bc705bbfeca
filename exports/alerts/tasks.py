"""What the chores cluster calls."""

from exports.alerts.outbox import send_waiting


def send() -> None:
    """Send the messages of alerts that wait; harmless when delivered twice."""
    send_waiting()
