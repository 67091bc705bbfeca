"""What the django-q clusters call; each loads and calls one thing."""

from exports.refresh.work import work_along
from exports.runs.purge import purge_tonight
from exports.work.watch import work_until_idle


def work() -> None:
    """Claim and carry out runs until none waits; harmless when delivered twice."""
    work_until_idle()


def refresh_parts() -> None:
    """Carry out tables and segments of system refreshes that may go now; harmless when delivered twice."""
    work_along()


def purge() -> None:
    """Remove what is older than it is kept; harmless when delivered twice."""
    purge_tonight()
