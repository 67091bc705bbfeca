"""The alerts of an environment, and the bell that counts those that are unread."""

from datetime import UTC, datetime

from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from exports.alerts.bell import bell_of, latest_alerts, mark_read
from exports.alerts.pages.listing import alert_line, list_alerts
from roles.access.policy import EnvironmentRequest, requires
from roles.permissions import Permission
from roles.ui.htmx import done, render, render_panel
from roles.ui.panels import panel

LATEST = 20


@requires(Permission.VIEW)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """All alerts, those that are open first."""
    listing = list_alerts(request.access, request.GET)
    return render(request, "alerts/list.html", {"listing": listing}, partial="list", target="list")


@requires(Permission.VIEW)
@panel
@require_safe
def latest(request: EnvironmentRequest) -> TemplateResponse:
    """What the bell opens: the alerts that changed last."""
    alerts = latest_alerts(request.access, LATEST)
    context = {
        "lines": [alert_line(alert) for alert in alerts],
        "until": alerts[0].changed_at.isoformat() if alerts else "",
        "unread": bell_of(request.access).unread,
        "list_url": list_url(request),
    }
    return render_panel(request, "alerts/latest.html", context)


@requires(Permission.VIEW)
@require_safe
def bell(request: EnvironmentRequest) -> HttpResponse:
    """Answer the header's question; 204 where the page shows the right number already."""
    now = bell_of(request.access)
    if request.GET.get("shown") == now.figure:
        return HttpResponse(status=204)
    return render(request, "alerts/bell.html", {"bell": now})


@requires(Permission.VIEW)
@require_POST
def seen(request: EnvironmentRequest) -> HttpResponse:
    """Mark all as read that the person was shown."""
    mark_read(request.access, _moment(request.POST.get("until", "")))
    if not request.htmx:
        return HttpResponseRedirect(list_url(request))
    return done(request, list_url(request), _("All alerts are marked as read."), changed="alerts:changed")


def list_url(request: EnvironmentRequest) -> str:
    return reverse("alerts:list", kwargs={"environment": request.environment.slug})


def _moment(text: str) -> datetime | None:
    """Return the moment in `text`, in UTC; None if it is no moment that a page contains."""
    try:
        moment = parse_datetime(text)
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
