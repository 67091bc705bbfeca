"""Test a connection, and show how its last test went."""

from typing import Any

from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from connections import testing
from connections.models import Connection
from connections.next_page import next_page, with_next
from connections.views.common import CHANGED, load, url_of, way_back
from roles.access import EnvironmentRequest, requires
from roles.htmx import render_panel
from roles.permissions import Permission

STEP_TONES = {"done": "success", "failed": "danger", "not_reached": "neutral"}


@requires(Permission.MANAGE_CONNECTIONS)
@require_http_methods(["GET", "HEAD", "POST"])
def test(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Show the last test; a POST tests now."""
    connection = load(request, pk)
    if request.method == "POST":
        return test_now(request, connection)
    return _test_panel(request, connection)


def test_now(request: EnvironmentRequest, connection: Connection) -> HttpResponse:
    """Test now, and show the result in the panel or on its page."""
    testing.test(connection, by=request.user)
    if not getattr(request, "htmx", None):
        url = with_next(url_of(request, "test", pk=connection.pk), next_page(request))
        return HttpResponseRedirect(url)
    response = _test_panel(request, connection)
    response.headers["HX-Trigger"] = CHANGED
    return response


def _test_panel(request: EnvironmentRequest, connection: Connection) -> TemplateResponse:
    steps, following = connection.check_steps, next_page(request)
    context = {
        "connection": connection,
        "steps": [_shown(step) for step in steps],
        "failed": next((step for step in steps if step["state"] == "failed"), None),
        "test_url": url_of(request, "test", pk=connection.pk),
        "edit_url": with_next(url_of(request, "edit", pk=connection.pk), following),
        "list_url": url_of(request, "list"),
    }
    return render_panel(request, "connections/test.html", context | way_back(following, connection))


def _shown(step: dict[str, Any]) -> dict[str, str]:
    """A step of a check as the steps component takes it."""
    was_reached, has_failed = step["state"] != "not_reached", step["state"] == "failed"
    return {
        "tone": STEP_TONES[step["state"]],
        "label": step["name"],
        # The notice above says what failed.
        "detail": "" if has_failed else " ".join(filter(None, (step["message"], step["detail"]))),
        "aside": _("%(seconds).2f s") % {"seconds": step["seconds"]} if was_reached else _("not reached"),
    }
