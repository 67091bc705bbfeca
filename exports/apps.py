from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """When and how it goes: exports and their runs."""

    name = "exports"

    def ready(self) -> None:
        """Let the doctor look at exports too, and listen to the rooms below."""
        from exports import health, receivers  # noqa: F401
        from roles import checks

        checks.add("waiting runs", health.waiting_runs)
