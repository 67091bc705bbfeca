from django.apps import AppConfig


class ConnectionsConfig(AppConfig):
    """Where it may go: connections and destinations."""

    name = "connections"
