from django.apps import AppConfig


class SegmentsConfig(AppConfig):
    """What can go: tables, their fields, segments."""

    name = "segments"

    def ready(self) -> None:
        """Tell the ground below what there is of tables and segments."""
        from segments import registration

        registration.register()
