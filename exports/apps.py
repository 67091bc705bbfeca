from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """When and how it goes: exports and their runs."""

    name = "exports"
