"""Applies migrations, and finds migrations of the database that this version does not know."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.commands import migrate as migrate_command
from django.db import transaction
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
    """Return the migrations that a squashed one replaces."""
    return {key for squashed in executor.loader.replacements.values() for key in squashed.replaces}


class WholeMigrations(MigrationExecutor):
    """Runs each migration and notes it as applied in one transaction: Django notes some of them in a second one.

    Between the two a killed start left tables of which the next one knew nothing.
    """

    def apply_migration(self, state: Any, migration: Any, *args: Any, **options: Any) -> Any:
        """Apply one migration wholly or not at all, unless it says that it cannot run in a transaction."""
        if not migration.atomic:
            return super().apply_migration(state, migration, *args, **options)
        with transaction.atomic(using=self.connection.alias):
            return super().apply_migration(state, migration, *args, **options)


def migrate() -> None:
    """Apply the migrations; Django's command takes its executor from its own module."""
    usual = migrate_command.MigrationExecutor  # type: ignore[attr-defined]
    migrate_command.MigrationExecutor = WholeMigrations  # type: ignore[attr-defined]
    try:
        call_command("migrate", interactive=False, verbosity=0)
    finally:
        migrate_command.MigrationExecutor = usual  # type: ignore[attr-defined]
