"""The warning light in the header: on while a kind of background process gives no sign of life."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from roles import heartbeats
from roles.access.policy import Access, EnvironmentRequest, administrators, requires
from roles.permissions import Permission
from roles.ui.htmx import render

COMING = "every 5s"  # while the light is on: a start takes seconds, and good news shall not wait
QUIET = "every 30s"


@dataclass(frozen=True)
class Light:
    """What the header says; `kinds` are the silent ones, "" when all is well."""

    kinds: str
    text: str = ""
    advice: str = ""
    trigger: str = QUIET


def light_of(access: Access) -> Light:
    """Return the light for one person: what administrators should do, or whom others should tell."""
    silent = heartbeats.missing_lately()
    if not silent:
        return Light("")
    return Light("-".join(silent), _text(silent), _advice(access), COMING)


@requires(Permission.VIEW)
@require_safe
def light(request: EnvironmentRequest) -> HttpResponse:
    """Answer the header's question; 204 where the page shows the right light already."""
    now = light_of(request.access)
    if request.GET.get("shown") == now.kinds:
        return HttpResponse(status=204)
    return render(request, "components/light.html", {"light": now})


def _text(silent: list[str]) -> str:
    if "exports" in silent:
        return _("No worker is running: exports are waiting")
    if "dispatcher" in silent:
        return _("No dispatcher is running: interrupted exports are waiting")
    return _("No chore worker is running: segments are not refreshed")


def _advice(access: Access) -> str:
    if access.has_permission(Permission.SEE_DETAILS):
        return _("Run “manage.py doctor” on the server to find out what to do.")
    return _("Runs you start will wait; nothing is lost. Contact an administrator: %(names)s.") % {
        "names": administrators(access.environment) or _("none yet")
    }
