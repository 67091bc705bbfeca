"""The commands on one or several exports: run, run all, detach, remove."""

from collections.abc import Callable

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from exports import actions
from exports.progress.views.details import show_progress
from exports.runs.run_all import plan_run_all
from exports.web.common import Words, chosen_exports, each, load, report, select_first
from roles.access.policy import EnvironmentRequest, requires
from roles.permissions import Permission
from roles.ui.htmx import render_panel
from roles.ui.panels import panel


@requires(Permission.EDIT_EXPORTS)
@require_POST
def run(request: EnvironmentRequest) -> HttpResponse:
    """Run the chosen exports; say which were left out and why."""
    if "id" not in request.POST:
        return select_first(request)
    chosen, left_out = chosen_exports(request)
    done_to, refused = each(chosen, lambda export: actions.run_now(export, by=request.user))
    if (
        request.htmx.target == "panel" and len(done_to) == 1 and not left_out + refused
    ):  # from Progress details: watch the new run there
        export = load(request, chosen[0].pk)
        response = show_progress(request, export, export.last_run)
        response.headers["HX-Trigger"] = "exports:changed"
        return response
    return report(request, _queued(done_to), left_out + refused)


def _queued(names: list[str]) -> str:
    return Words(_("“%(name)s” queued."), ngettext_lazy("%d export queued.", "%d exports queued.")).of(names)


@requires(Permission.EDIT_EXPORTS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def run_all(request: EnvironmentRequest) -> HttpResponse:
    """Run every export with an active schedule that the user may edit; say first which, and which not and why."""
    plan = plan_run_all(request.access)
    if request.method != "POST":
        return render_panel(request, "exports/run_all.html", {"plan": plan})
    done_to, refused = each(plan.to_run, lambda export: actions.run_now(export, by=request.user))
    left_out = [*refused, *(reason.summary for reason in plan.left_out)]
    return report(request, _queued(done_to), left_out, tone="warning" if refused else "info")


@requires(Permission.EDIT_EXPORTS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def detach(request: EnvironmentRequest) -> HttpResponse:
    """Detach the connection of the chosen exports, after a confirmation that names them."""
    words = Words(_("“%(name)s” detached."), ngettext_lazy("%d export detached.", "%d exports detached."))
    return _confirmed(request, "exports/detach.html", actions.detach, words)


@requires(Permission.EDIT_EXPORTS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: EnvironmentRequest) -> HttpResponse:
    """Remove the chosen exports, after a confirmation that names them."""
    words = Words(_("“%(name)s” removed."), ngettext_lazy("%d export removed.", "%d exports removed."))
    return _confirmed(request, "exports/remove.html", actions.remove, words)


def _confirmed(request: EnvironmentRequest, template: str, act: Callable[..., None], words: Words) -> HttpResponse:
    """Ask with `template` first; then do `act` to each chosen export and say what was done and left out."""
    if request.method == "POST" and "id" not in request.POST:
        return select_first(request)
    chosen, left_out = chosen_exports(request)
    if "confirmed" not in request.POST:
        return render_panel(request, template, {"exports": chosen, "left_out": left_out})
    done_to, refused = each(chosen, lambda export: act(export, by=request.user))
    return report(request, words.of(done_to), left_out + refused)
