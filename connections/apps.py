from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """Where data may go: connections and destinations."""

    name = "connections"

    def ready(self) -> None:
        """Register connections with the apps below and with the doctor, and connect receivers."""
        from connections import health, receivers, registration  # noqa: F401
        from connections.secrets import binding
        from roles import checks
        from roles.secrets.store import SecretField, register_secret_field

        registration.register()
        checks.register("secrets", health.secrets)
        checks.register("connection types", health.types)
        register_secret_field(
            SecretField(
                "connections.Connection",
                "encrypted_secrets",
                about=lambda row: (row.environment, row),
                related=("environment",),
                server_of=lambda row: binding.server_of(row.type, row.settings),
            )
        )
