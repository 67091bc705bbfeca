"""Settings > Connections. Names and types are for everybody, the rest for administrators (product.md section 2)."""

from typing import Any

from django.db import IntegrityError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from connections import actions
from connections.destinations.registry import destinations
from connections.forms import SetUp
from connections.help import TypeHelp
from connections.listing import list_connections
from connections.models import Connection
from connections.next_page import back, is_list, next_page, with_connection, with_next
from roles.access import EnvironmentRequest, requires
from roles.htmx import done, render, render_panel
from roles.permissions import Permission

CHANGED = "connections:changed"
STEP_TONES = {"done": "success", "failed": "danger", "not_reached": "neutral"}


def _url(request: EnvironmentRequest, name: str, **kwargs: Any) -> str:
    return reverse(f"connections:{name}", kwargs={"environment": request.environment.slug, **kwargs})


def _load(request: EnvironmentRequest, pk: int) -> Connection:
    """Return a connection of the open environment; 404 otherwise."""
    found = Connection.objects.select_related("environment", "agreed_by", "created_by")
    return get_object_or_404(found, pk=pk, environment=request.environment)


@requires(Permission.VIEW)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """The list."""
    listing = list_connections(request.access, request.GET)
    return render(request, "connections/list.html", {"listing": listing}, partial="list", target="list")


@requires(Permission.MANAGE_CONNECTIONS)
@require_safe
def add(request: EnvironmentRequest) -> TemplateResponse:
    """Choose a type."""
    following = next_page(request)
    types = [
        {
            "type": type_,
            "url": with_next(_url(request, "set_up", type_=slug), following),
            "help_url": with_next(_url(request, "help", type_=slug), following),
            "why_not": type_.why_unavailable(),
        }
        for slug, type_ in destinations().items()
    ]
    context = {"types": types, "list_url": _url(request, "list")} | _way_back(following)
    return render_panel(request, "connections/add.html", context)


@requires(Permission.VIEW)
@require_safe
def help_page(request: EnvironmentRequest, type_: str) -> TemplateResponse:
    """What a type does and asks for, made from its declaration."""
    found = destinations().get(type_)
    if found is None:
        raise Http404
    can_add = request.access.has_permission(Permission.MANAGE_CONNECTIONS) and found.is_available()
    following = next_page(request) if can_add else ""
    context = {
        "help": TypeHelp(found),
        "add_url": with_next(_url(request, "set_up", type_=type_), following) if can_add else "",
        "types_url": with_next(_url(request, "add"), following) if can_add else "",
        "list_url": _url(request, "list"),
    }
    return render_panel(request, "connections/help.html", context)


@requires(Permission.MANAGE_CONNECTIONS)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def set_up(request: EnvironmentRequest, type_: str) -> HttpResponse:
    """Add a connection of one type."""
    found = destinations().get(type_)
    if found is None or not found.is_available():
        raise Http404
    forms = SetUp(request.access, found, data=request.POST if request.method == "POST" else None)
    if request.method != "POST" or not forms.is_valid():
        return _form(request, forms)
    try:
        connection = actions.create(request.environment, type_, forms.draft(), by=request.user)
    except IntegrityError:
        forms.form.add_taken_name()
        return _form(request, forms)
    return _saved(request, connection)


@requires(Permission.MANAGE_CONNECTIONS)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def edit(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """See and change a connection; its secrets are only ever replaced."""
    connection = _load(request, pk)
    found = destinations().get(connection.type)
    if found is None:
        raise Http404
    forms = SetUp(request.access, found, connection, request.POST if request.method == "POST" else None)
    if request.method != "POST" or not forms.is_valid():
        return _form(request, forms)
    try:
        actions.change(connection, forms.draft(), by=request.user)
    except IntegrityError:
        forms.form.add_taken_name()
        return _form(request, forms)
    return _saved(request, connection)


@requires(Permission.MANAGE_CONNECTIONS)
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Ask, then remove; refused while exports use the connection, which are listed."""
    connection, status = _load(request, pk), 200
    if request.method == "POST":
        try:
            actions.remove(connection, by=request.user)
        except actions.StillUsedError:
            status = 422
        else:
            text = _("Connection “%(name)s” removed.") % {"name": connection.name}
            return done(request, _url(request, "list"), text, changed=CHANGED)
    users: Any = getattr(connection, "exports")  # noqa: B009 - another app's relation, which this one does not know
    exports = list(users.select_related("environment").order_by("name"))
    context = {"connection": connection, "exports": exports, "list_url": _url(request, "list")}
    return render_panel(request, "connections/remove.html", context, status=status)


@requires(Permission.MANAGE_CONNECTIONS)
@require_http_methods(["GET", "HEAD", "POST"])
def test(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Show the last test; a POST tests now."""
    connection = _load(request, pk)
    if request.method == "POST":
        return _tested(request, connection)
    return _test_panel(request, connection)


def _form(request: EnvironmentRequest, forms: SetUp) -> TemplateResponse:
    """Show the pane; 422 when it was sent and something is wrong."""
    following = next_page(request)
    context = {
        "forms": forms,
        "form": forms.form,
        "type_form": forms.type_form,
        "type": forms.type,
        "connection": forms.connection,
        "question": forms.type_form.question,
        "test_url": with_next(_url(request, "test", pk=forms.connection.pk), following) if forms.connection else "",
        "help_url": _url(request, "help", type_=forms.type.slug),
        "list_url": _url(request, "list"),
    }
    context |= _way_back(following, forms.connection)
    return render_panel(request, "connections/form.html", context, status=422 if forms.form.is_bound else 200)


def _saved(request: EnvironmentRequest, connection: Connection) -> HttpResponse:
    """Test, or go back to the page that asked for a connection, or to the list."""
    following = next_page(request)
    if request.POST.get("then") == "test" or request.POST.get("confirm"):
        response = _tested(request, connection)
        if not following or is_list(following):  # an export that waits for the connection is not saved yet
            response.headers["HX-Trigger-After-Swap"] = "panel:saved"
        return response
    text = _("Connection “%(name)s” saved.") % {"name": connection.name}
    if following:
        return back(request, with_connection(following, connection.pk), text, changed=CHANGED)
    return done(request, _url(request, "list"), text, changed=CHANGED)


def _tested(request: EnvironmentRequest, connection: Connection) -> HttpResponse:
    """Test now, and show the result in the panel or on its page."""
    actions.test(connection, by=request.user)
    if not getattr(request, "htmx", None):
        url = with_next(_url(request, "test", pk=connection.pk), next_page(request))
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
        "test_url": _url(request, "test", pk=connection.pk),
        "edit_url": with_next(_url(request, "edit", pk=connection.pk), following),
        "list_url": _url(request, "list"),
    }
    return render_panel(request, "connections/test.html", context | _way_back(following, connection))


def _way_back(following: str, connection: Connection | None = None) -> dict[str, Any]:
    """What the panels need to lead back to the page that asked for a connection, which `connection` now is."""
    url = with_connection(following, connection.pk) if connection else following
    return {"next": following, "back_url": url, "is_back_list": is_list(following)}


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
