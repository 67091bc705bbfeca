from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """When and how it goes: exports and their runs."""

    name = "exports"

    def ready(self) -> None:
        """Let the doctor look at exports too, listen to the rooms below, and tell them what they ask."""
        from connections.destinations.base import AudienceDestination, FileDestination
        from connections.discover import help as connection_help
        from connections.removing import removing
        from exports import audited, receivers, registration  # noqa: F401
        from exports.alerts import actions, refreshes, watch  # noqa: F401
        from exports.formats import help as formats_help
        from exports.guide import usage as guide
        from exports.refresh import due, events, sending  # noqa: F401
        from exports.runs import health
        from exports.schedules import health as schedules_health
        from exports.schedules import occurrences
        from exports.work import carriers
        from exports.work.audiences.carrier import AudienceCarrier
        from exports.work.files.carrier import FilesCarrier
        from roles import checks

        registration.register()
        carriers.register(FileDestination, FilesCarrier)
        carriers.register(AudienceDestination, AudienceCarrier)
        removing.register_usage(guide.usage_context, guide.usage_seen)
        connection_help.register_exports(formats_help.ExportsHelp())
        checks.register("waiting runs", health.waiting_runs)
        checks.register("schedules", schedules_health.look_at(occurrences.KIND, due.KIND))
        audited.register_values()
        actions.register_secrets()
        events.register_values()
