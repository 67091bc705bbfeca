from django.apps import AppConfig


class RolesConfig(AppConfig):
    """Who may do what, and the ground that the other apps stand on."""

    name = "roles"
