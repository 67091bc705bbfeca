"""What the django-q clusters call; each loads and calls one thing."""

from exports.runner.watch import work_until_idle


def work() -> None:
    """Claim and carry out runs until none waits; harmless when delivered twice."""
    work_until_idle()
