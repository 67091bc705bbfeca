"""Deciding about a held run: the question with its numbers, then releasing or dropping it."""

import json
from collections.abc import Callable
from typing import NamedTuple

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from exports.models import Export, Run
from exports.progress.comparison import comparison_of
from exports.progress.views.details import show_progress
from exports.runs import decide as deciding
from exports.web.common import list_url, load
from roles.access.policy import EnvironmentRequest, requires
from roles.fields import NoteField
from roles.permissions import Permission
from roles.ui.htmx import render_panel
from roles.ui.panels import panel


class DecisionForm(forms.Form):
    """The reason for a decision."""

    why = NoteField(
        label=gettext_lazy("Reason"),
        max_length=deciding.LONGEST_WHY,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Saved with the run and in the audit log. Don't include customer data."),
        error_messages={"required": gettext_lazy("Enter a reason.")},
    )


class Choice(NamedTuple):
    """One decision: the name of its address, its button, and what is announced then."""

    name: str
    label: str | Promise
    css: str
    done: str | Promise


RELEASE = Choice("let_go", gettext_lazy("Send anyway"), "button-primary", gettext_lazy("Run released."))
DROP = Choice("drop", gettext_lazy("Discard this run"), "button-danger", gettext_lazy("Run discarded."))


@requires(Permission.EDIT_EXPORTS)
@panel
@require_safe
def decide(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Ask for a decision about the export's held run."""
    export = load(request, pk, to_edit=True)
    return _ask(request, export, export.last_run, DecisionForm(), RELEASE, DROP)


@requires(Permission.EDIT_EXPORTS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def release(request: EnvironmentRequest, pk: int, uuid: str) -> HttpResponse:
    """Ask why, then release a held run."""
    return _decided(request, pk, uuid, RELEASE, deciding.release)


@requires(Permission.EDIT_EXPORTS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def drop(request: EnvironmentRequest, pk: int, uuid: str) -> HttpResponse:
    """Ask why, then drop a held run."""
    return _decided(request, pk, uuid, DROP, deciding.drop)


def _decided(
    request: EnvironmentRequest, pk: int, uuid: str, choice: Choice, decide: Callable[..., None]
) -> HttpResponse:
    export = load(request, pk, to_edit=True)
    run = get_object_or_404(export.runs.select_related("decided_by"), uuid=uuid)
    form = DecisionForm(request.POST or None)
    if not form.is_valid():
        # Asked for both, what was typed stays for either of them.
        choices = (RELEASE, DROP) if "both" in request.POST else (choice,)
        return _ask(request, export, run, form, *choices, status=422 if request.method == "POST" else 200)
    try:
        decide(run, by=request.user, why=form.cleaned_data["why"])
    except deciding.NotHeldError as error:
        return _to_run(request, export, run, str(error), tone="warning")
    return _to_run(request, export, run, str(choice.done))


def _ask(
    request: EnvironmentRequest,
    export: Export,
    run: Run | None,
    form: DecisionForm,
    *choices: Choice,
    status: int = 200,
) -> HttpResponse:
    """Show the numbers and ask why. A run that is no longer held is shown in Progress details."""
    if run is None or run.state != deciding.State.HELD:
        return _to_run(request, export, run, str(deciding.why_not_held(run)), tone="warning")
    at = {"environment": request.environment.slug, "pk": export.pk, "uuid": run.uuid}
    context = {
        "export": export,
        "run": run,
        "form": form,
        "choices": [(choice, reverse(f"exports:{choice.name}", kwargs=at)) for choice in choices],
        "is_only_drop": choices == (DROP,),
        "comparison": comparison_of(run),
        "list_url": list_url(request),
        "progress_url": reverse("exports:run_progress", kwargs=at),
    }
    return render_panel(request, "exports/decide.html", context, status=status)


def _to_run(
    request: EnvironmentRequest, export: Export, run: Run | None, text: str, *, tone: str = "info"
) -> HttpResponse:
    """Show the run as it is now, and say what was done or why not."""
    if not request.htmx:
        (messages.warning if tone == "warning" else messages.success)(request, text)
        at = {"environment": request.environment.slug, "pk": export.pk}
        if run is None:
            return HttpResponseRedirect(reverse("exports:progress", kwargs=at))
        return HttpResponseRedirect(reverse("exports:run_progress", kwargs=at | {"uuid": run.uuid}))
    export = load(request, export.pk)
    fresh = export.runs.select_related("connection", "triggered_by", "canceled_by", "decided_by")
    response = show_progress(request, export, fresh.get(pk=run.pk) if run else None)
    said = {"notice": {"tone": "warning", "text": text}} if tone == "warning" else {"announce": text}
    response.headers["HX-Trigger"] = json.dumps({"exports:changed": True, **said})
    return response
