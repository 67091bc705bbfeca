from django.apps import AppConfig


class HouseConfig(AppConfig):
    """The whole house: commands that start it, look at it and keep it."""

    name = "config"
