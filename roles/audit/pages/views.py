"""Settings > Audit: who did what, when and from where, and the same as a file."""

from typing import Any, NamedTuple

from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from roles.access.policy import Access, EnvironmentRequest, requires
from roles.audit import audit, sentences
from roles.audit.changes import FieldChange, changes_of
from roles.audit.pages import listing
from roles.audit.pages.download import as_csv
from roles.audit.pages.links import links_of
from roles.audit.pages.listing import Filters, Page
from roles.models import AuditEvent
from roles.net.spreadsheet import as_file
from roles.permissions import Permission
from roles.ui.htmx import render


class EventRow(NamedTuple):
    """An event as the list shows it."""

    event: AuditEvent
    who: str
    sentence: SafeString
    object_type: str
    url: str
    changes: list[FieldChange]


@requires(Permission.READ_AUDIT)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """The log, newest first."""
    filters = Filters.of(request.GET)
    page = listing.page_of(request.environment, filters, request.GET)
    context = {"filters": filters, "asked": filters.as_dict(), "page": page, "rows": _rows(request.access, page)}
    return render(request, "audit/list.html", context | _choices(request, filters), partial="list", target="list")


@requires(Permission.READ_AUDIT)
@require_POST
def download(request: EnvironmentRequest) -> HttpResponseBase:
    """Send the filtered events as CSV, and record the download as an event."""
    filters = Filters.of(request.GET)
    place, asked = request.environment, filters.as_dict()

    def note() -> None:
        audit.record(place, "download audit", place, by=request.user, changes=asked)

    return as_file(request, as_csv(listing.events_of(place, filters)), f"audit-{place.slug}", note)


def _rows(access: Access, page: Page) -> list[EventRow]:
    links = links_of(access, page.events)
    return [
        EventRow(
            event,
            sentences.who(event),
            sentences.sentence(event),
            sentences.object_type(event.object_type),
            links.get((event.object_type, event.object_id), ""),
            changes_of(event),
        )
        for event in page.events
    ]


def _choices(request: EnvironmentRequest, filters: Filters) -> dict[str, Any]:
    """The choices of the filters: only what occurred in this environment."""
    actions = [(name, sentences.choice(name)) for name in listing.actions(request.environment)]
    types = [(name, sentences.object_type(name)) for name in listing.object_types(request.environment)]
    return {
        "people": [(listing.SYSTEM, "Waybill"), *listing.people(request.environment)],
        "actions": sorted(actions, key=lambda one: one[1]),
        "object_types": sorted(types, key=lambda one: one[1]),
        "is_one_object": bool(filters.type and filters.object),
    }
