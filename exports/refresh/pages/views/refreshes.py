"""Settings > System: refresh all, cancel that, and what became of earlier system refreshes."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from exports.models import RefreshState, SystemRefresh
from exports.refresh import start
from exports.refresh.pages.past import panel_context, refresh_entries
from exports.refresh.pages.views.status import url_of
from exports.refresh.plan import preview_refresh
from roles.access.policy import EnvironmentRequest, requires
from roles.permissions import Permission
from roles.ui.htmx import done, notice, render, render_panel
from roles.ui.panels import panel

CHANGED = "system:changed"
PAGE_SIZE = 50


@requires(Permission.MANAGE_SYSTEM)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def refresh_all(request: EnvironmentRequest) -> HttpResponse:
    """Say what a system refresh would do now, then start it."""
    if request.method != "POST":
        context = {"preview": preview_refresh(request.environment), "under_way": start.under_way(request.environment)}
        return render_panel(request, "system/refresh_all.html", context)
    try:
        refresh = start.start(request.environment, by=request.user)
    except start.RefreshError as error:
        return _refused(request, str(error))
    waits = refresh.started_at is None
    text = _("The system refresh starts when you resume the environment.") if waits else _("System refresh started.")
    return done(request, url_of(request, "list"), text, changed=CHANGED)


@requires(Permission.MANAGE_SYSTEM)
@require_POST
def cancel(request: EnvironmentRequest) -> HttpResponse:
    """Cancel the system refresh that is under way."""
    refresh = start.under_way(request.environment)
    try:
        if refresh is None:
            raise start.RefreshError(_("No system refresh is running."))
        start.cancel(refresh, by=request.user)
    except start.RefreshError as error:
        return _refused(request, str(error))
    refresh.refresh_from_db(fields=["state"])
    is_over = refresh.state == RefreshState.CANCELED
    text = _("System refresh canceled.") if is_over else _("Canceling the system refresh. Running jobs end first.")
    return done(request, url_of(request, "list"), text, changed=CHANGED)


def _refused(request: EnvironmentRequest, text: str) -> HttpResponse:
    if request.htmx:
        return notice(text, tone="info", changed=CHANGED)
    return done(request, url_of(request, "list"), text, changed=CHANGED)


@requires(Permission.VIEW)
@require_safe
def history(request: EnvironmentRequest) -> TemplateResponse:
    """The system refreshes that were, the newest first."""
    refreshes = SystemRefresh.objects.filter(environment=request.environment).order_by("-id")
    page = Paginator(refreshes.select_related("triggered_by"), PAGE_SIZE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {"page": page, "entries": refresh_entries(list(page))}
    return render(request, "system/history.html", context, partial="list", target="list")


@requires(Permission.VIEW)
@panel
@require_safe
def one(request: EnvironmentRequest, uuid: str) -> TemplateResponse:
    """One system refresh with its parts, as a panel."""
    mine = SystemRefresh.objects.select_related("triggered_by", "canceled_by").filter(environment=request.environment)
    refresh = get_object_or_404(mine, uuid=uuid)
    return render_panel(request, "system/refresh.html", panel_context(refresh, request.GET.get("page")))
