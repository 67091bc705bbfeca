from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """Where it may go: connections and destinations."""

    name = "connections"

    def ready(self) -> None:
        """Let the doctor look at connections too, and listen to the ground below."""
        from connections import health, receivers  # noqa: F401
        from roles import checks

        checks.add("secrets", health.secrets)
