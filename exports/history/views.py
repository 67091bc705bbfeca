"""The history of runs: a page for one export, one for all exports, and a download."""

from typing import Any

from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from exports.history import listing
from exports.history.day_chart import day_chart_of
from exports.history.download import as_csv
from exports.history.entries import run_entry
from exports.history.filters import PERIOD_CHOICES, Filters, runs_of
from exports.history.run_chart import run_chart_of
from exports.models import Export, Trigger
from exports.models.states import STATES
from exports.web.common import load
from roles.access.policy import EnvironmentRequest, requires
from roles.net.spreadsheet import as_file
from roles.permissions import Permission
from roles.ui.htmx import render


@requires(Permission.VIEW)
@require_safe
def history(request: EnvironmentRequest) -> TemplateResponse:
    """The runs of all exports."""
    return _page(request, None)


@requires(Permission.VIEW)
@require_safe
def history_of(request: EnvironmentRequest, pk: int) -> TemplateResponse:
    """The runs of one export."""
    return _page(request, load(request, pk))


@requires(Permission.VIEW)
@require_safe
def download(request: EnvironmentRequest) -> HttpResponseBase:
    """The runs that the query asks for as CSV; of one export where it names that."""
    filters = Filters.of(request.GET)
    lines = as_csv(runs_of(request.environment, filters))
    return as_file(request, lines, f"runs-{request.environment.slug}")


def _page(request: EnvironmentRequest, export: Export | None) -> TemplateResponse:
    filters = Filters.of(request.GET)
    found = runs_of(request.environment, filters, export)
    page = listing.page_of(request.environment, found, request.GET)
    count = listing.count_of(found)
    context = {
        "export": export,
        "filters": filters,
        "asked": filters.as_dict(),
        "page": page,
        "entries": [run_entry(run, request.environment) for run in page.runs],
        "count": count,
        "most_counted": listing.MOST_COUNTED,
        "most_ranked": listing.MOST_RANKED if page.sort.lstrip("-") in listing.RANKS else 0,
        "chart": run_chart_of(found) if export else day_chart_of(found, filters),
    }
    return render(request, "exports/history.html", context | _choices(), partial="list", target="list")


def _choices() -> dict[str, Any]:
    """The choices of the filters."""
    return {
        "statuses": [(state, rule.look.label) for state, rule in STATES.items()],
        "triggers": Trigger.choices,
        "periods": PERIOD_CHOICES,
    }
