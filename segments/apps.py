from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    """What can go: tables, their fields, segments."""

    name = "segments"
