from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """When and how it goes: exports and their runs."""

    name = "exports"

    def ready(self) -> None:
        """Let the doctor look at exports too."""
        from exports import health
        from roles import checks

        checks.add("waiting runs", health.waiting_runs)
