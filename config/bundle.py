"""The parts of the support bundle about Waybill as a whole."""

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from config import checkups
from roles.desk.bundle import part, states_of


@part("checks of the machine")
def _checks() -> dict[str, str]:
    return states_of([("database", checkups.database), *checkups.OF_THE_DATABASE, *checkups.OF_THE_MACHINE])


@part("migrations")
def _migrations() -> dict[str, list[str]]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    applied = sorted(".".join(key) for key in executor.loader.applied_migrations)
    return {"applied": applied, "not applied": sorted(f"{one.app_label}.{one.name}" for one, _back in plan)}
