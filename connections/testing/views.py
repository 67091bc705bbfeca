"""Test a connection; show the running test live, or the last one."""

import hashlib
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from psycopg import sql

from connections.destinations.base import CheckStep
from connections.models import Connection
from connections.testing import testing
from connections.web.common import CHANGED, load, url_of, way_back
from connections.web.next_page import next_page, with_next
from roles import heartbeats
from roles.access.policy import EnvironmentRequest, requires
from roles.permissions import Permission
from roles.ui.htmx import render, render_panel
from roles.ui.panels import at, panel
from roles.ui.polls import answer_poll, read, versions

STEP_TONES = {"done": "success", "failed": "danger", "running": "running", "not_reached": "neutral"}
POLL = "test-poll"  # the element of a panel that is shown already


@requires(Permission.MANAGE_CONNECTIONS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def test(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Show the running test, or the last one; a POST requests one."""
    if request.method == "POST":
        return test_now(request, load(request, pk))
    return answer_poll(request, lambda: _seen(request, pk), lambda: _last(request, pk))


def _last(request: EnvironmentRequest, pk: int) -> HttpResponse:
    testing.end_overdue(load(request, pk))
    return _show(request, load(request, pk), _typed(request.GET.get("since", "")))


def _seen(request: EnvironmentRequest, pk: int) -> list[object]:
    """Return what the answer to a poll depends on: the connection, whether it waited too long, and the workers."""
    mine = sql.SQL("t.id = %(connection)s AND t.environment_id = %(environment)s")
    overdue = sql.SQL(
        "EXISTS(SELECT FROM connections_connection c WHERE c.id = %(connection)s"
        " AND c.check_asked_at < statement_timestamp() - %(given_up_after)s)"
    )
    values = {"connection": pk, "environment": request.environment.pk, "given_up_after": testing.GIVEN_UP_AFTER}
    return [*read([versions(Connection, mine), overdue], values), heartbeats.missing_lately()]


def test_now(request: EnvironmentRequest, connection: Connection) -> HttpResponse:
    """Request a test, or join the running one, and show it in the panel or on its page."""
    testing.end_overdue(connection)
    testing.request_test(connection, by=request.user)
    since = connection.check_asked_at
    if not getattr(request, "htmx", None):
        return HttpResponseRedirect(_address(request, connection, since=since))
    response = _show(request, connection, since)
    response.headers["HX-Trigger"] = CHANGED
    return response


def _show(request: EnvironmentRequest, connection: Connection, since: datetime | None) -> HttpResponse:
    """Show the panel; only its parts to a panel that is shown already, and 204 where they are shown as they are."""
    context = _context(request, connection, since)
    parts = {part: render_to_string(f"connections/test_parts.html#{part}", context) for part in ("details", "footer")}
    version = hashlib.blake2s("".join(parts.values()).encode(), digest_size=8).hexdigest()
    context |= parts | {"poll_url": _address(request, connection, since=since, shown=version)}
    if not request.htmx or request.htmx.target != POLL:
        return at(render_panel(request, "connections/test.html", context), context["here_url"])
    if request.GET.get("shown") == version:
        return HttpResponse(status=204)
    response = render(request, "connections/test.html#changes", context)
    if not connection.is_being_tested:
        response.headers["HX-Trigger"] = json.dumps({CHANGED: True})
    return response


def _context(request: EnvironmentRequest, connection: Connection, since: datetime | None) -> dict[str, Any]:
    steps = _steps(connection)
    return {
        "connection": connection,
        "is_waiting": connection.is_being_tested and not connection.is_check_running,
        "has_no_worker": connection.is_being_tested and testing.CLUSTER in heartbeats.missing_lately(),
        "given_up_after": int(testing.GIVEN_UP_AFTER.total_seconds()),
        "is_dropped": _is_dropped(connection, since),
        "steps": [_shown(step, connection.is_being_tested) for step in steps],
        "failed": next((step for step in steps if step.state == "failed"), None),
        "test_url": url_of(request, "test", pk=connection.pk),
        "here_url": _address(request, connection, since=since),
        "edit_url": with_next(url_of(request, "edit", pk=connection.pk), next_page(request)),
        "list_url": url_of(request, "list"),
        **way_back(next_page(request), connection),
    }


def _steps(connection: Connection) -> list[CheckStep]:
    """The steps to show; all steps of a waiting test are still to come."""
    if not connection.is_being_tested or connection.is_check_running:
        return connection.steps
    names = connection.destination_class.check_steps if connection.is_type_known else ()
    return [CheckStep(name, "not_reached") for name in names]


def _is_dropped(connection: Connection, since: datetime | None) -> bool:
    """Whether the test requested at `since` was dropped because the connection changed."""
    if since is None or connection.is_being_tested:
        return False
    return connection.checked_at is None or connection.checked_at < since


def _address(request: EnvironmentRequest, connection: Connection, *, since: datetime | None, shown: str = "") -> str:
    """Return the address of the test that was asked for at `since`, with the way back."""
    query = {"next": next_page(request), "since": since.isoformat() if since else "", "shown": shown}
    kept = urlencode({name: value for name, value in query.items() if value})
    url = url_of(request, "test", pk=connection.pk)
    return f"{url}?{kept}" if kept else url


def _typed(text: str) -> datetime | None:
    """Return a time as `_address` writes it; None for anything else."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _shown(step: CheckStep, goes_on: bool) -> dict[str, str]:
    """Return a step of a check in the form of the steps component."""
    has_failed = step.state == "failed"
    return {
        "tone": STEP_TONES[step.state],
        "label": str(step.name),
        # The notice above says what failed.
        "detail": "" if has_failed else " ".join(str(text) for text in (step.message, step.detail) if text),
        "aside": _aside(step, goes_on),
    }


def _aside(step: CheckStep, goes_on: bool) -> str:
    if step.state == "running":
        return _("now")
    if step.state == "not_reached":
        return "" if goes_on else _("not reached")
    return _("under 0.01 s") if step.seconds < 0.01 else _("%(seconds).2f s") % {"seconds": step.seconds}
