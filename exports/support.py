"""What the support bundle tells of exports and runs: ids, states, numbers, and errors without what they name."""

from typing import Any

from django.db.models import Count, Min, Q
from django.db.models.functions import Extract, Now
from django_q.models import OrmQ

from exports.models import Export, Run
from exports.models.states import State
from roles.desk.bundle import counts_of, part, without_names

LAST_ERRORS = 50
NAMED = ("export", "environment", "connection", "triggered_by", "canceled_by")  # objects whose names are blanked
IN_TROUBLE = Q(state__in=(State.FAILED, State.RETRYING, State.HELD, State.SKIPPED))


@part("exports")
def _exports() -> list[dict[str, Any]]:
    return counts_of(Export, "environment_id", "kind", "connection__type", "schedule_mode", "last_state")


@part("runs")
def _runs() -> list[dict[str, Any]]:
    return counts_of(Run, "environment_id", "state", "trigger")


@part("queue")
def _queue() -> dict[str, Any]:
    waited = Run.objects.claimable().aggregate(longest=Extract(Now() - Min("not_before"), "epoch"))["longest"]
    return {
        "tasks": list(OrmQ.objects.order_by("key").values("key").annotate(count=Count("pk"))),
        "runs that a worker may take": Run.objects.claimable().count(),
        "longest wait in seconds": round(float(waited), 1) if waited is not None else None,
        "runs whose worker is silent": Run.objects.lost().count(),
    }


@part("last errors")
def _last_errors() -> list[dict[str, Any]]:
    found = Run.objects.filter(IN_TROUBLE).select_related(
        "export", "environment", "connection", "triggered_by", "canceled_by"
    )
    return [_error(run) for run in found.prefetch_related("export__segments").order_by("-pk")[:LAST_ERRORS]]


def _error(run: Run) -> dict[str, Any]:
    """One run that did not deliver; the `detail` of its error, which names hosts and paths, stays here."""
    named = [run.export.name, run.environment.name, run.environment.slug, str(run.connection or "")]
    named += [segment.name for segment in run.export.segments.all()]
    for person in filter(None, (run.triggered_by, run.canceled_by)):
        named += [person.username, person.first_name, person.last_name, person.email]
    return {
        "run": str(run.uuid),
        "environment_id": run.environment_id,
        "export_id": run.export_id,
        "state": run.state,
        "trigger": run.trigger,
        "queued_at": run.queued_at,
        "claims": run.claims,
        "tries": run.tries,
        "steps": [f"{step.get('key')}: {step.get('state')}" for step in run.steps],
        "reason": without_names(str(run.reason), named),
        "message": without_names(str(run.message), named),
    }
