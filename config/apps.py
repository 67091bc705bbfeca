from django.apps import AppConfig


class HouseConfig(AppConfig):
    """Waybill as a whole: the commands that run, check and back it up."""

    name = "config"
