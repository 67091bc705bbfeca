"""Which migrations a database has that this version does not know: it was made by a newer one."""

from django.apps import apps
from django.conf import settings
from django.db.migrations.executor import MigrationExecutor

UPDATE = "Update this copy of Waybill, or use another data directory."


def unknown(executor: MigrationExecutor) -> list[str]:
    """Return the applied migrations of our own apps that are not among our files, such as "exports.0009_new"."""
    ours = {app.label for app in apps.get_app_configs() if (settings.BASE_DIR / app.label).is_dir()}
    known = executor.loader.graph.nodes.keys() | _replaced(executor)
    return [
        f"{app}.{name}" for app, name in executor.loader.applied_migrations if app in ours and (app, name) not in known
    ]


def _replaced(executor: MigrationExecutor) -> set[tuple[str, str]]:
    """Return the migrations that a squashed one stands for."""
    return {key for squashed in executor.loader.replacements.values() for key in squashed.replaces}
