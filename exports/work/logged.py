"""The ids that a run's lines of the log carry."""

from contextlib import AbstractContextManager, nullcontext

from django.db import DatabaseError, InterfaceError

from exports.models import Run
from exports.runs.lifecycle import Claim
from roles import log_context


def lines_of(claimed: Claim) -> AbstractContextManager[None]:
    """Let what is logged meanwhile name the run; without a database the lines go without."""
    try:
        found = Run.objects.filter(pk=claimed.run_id).values_list("uuid", "export_id", "environment__slug").first()
    except (DatabaseError, InterfaceError):
        return nullcontext()
    if found is None:
        return nullcontext()
    uuid, export, environment = found
    return log_context.about(run=str(uuid), export=export, environment=environment)
