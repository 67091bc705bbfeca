from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    """What can be exported: tables, their fields, segments."""

    name = "segments"

    def ready(self) -> None:
        """Register tables and segments with the apps below."""
        from segments import registration

        registration.register()
