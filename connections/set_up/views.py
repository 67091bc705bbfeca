"""Add, see and change a connection, and the help page of a type."""

from django.db import IntegrityError
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from connections import actions
from connections.destinations.registry import destinations
from connections.discover.help import TypeHelp
from connections.models import Connection
from connections.set_up.forms import ConnectionPane
from connections.testing.views import test_now
from connections.web.common import CHANGED, load, url_of, way_back
from connections.web.next_page import back, is_list, next_page, with_connection, with_next
from roles.access.policy import EnvironmentRequest, requires
from roles.edits.edit import About, Edit, MovedMeanwhileError, again_if_moved
from roles.edits.parts import Part
from roles.permissions import Permission
from roles.secrets.store import UnreadableSecretError
from roles.ui.htmx import done, render_panel
from roles.ui.panels import panel


@requires(Permission.MANAGE_CONNECTIONS)
@panel
@require_safe
def add(request: EnvironmentRequest) -> TemplateResponse:
    """Choose a type."""
    following = next_page(request)
    types = [
        {
            "type": type_,
            "url": with_next(url_of(request, "set_up", type_=slug), following),
            "help_url": with_next(url_of(request, "help", type_=slug), following),
            "why_not": type_.why_unavailable(),
        }
        for slug, type_ in destinations().items()
    ]
    context = {"types": types, "list_url": url_of(request, "list")} | way_back(following)
    return render_panel(request, "connections/add.html", context)


@requires(Permission.VIEW)
@panel
@require_safe
def help_page(request: EnvironmentRequest, type_: str) -> TemplateResponse:
    """What a type does and asks for, from its declaration."""
    found = destinations().get(type_)
    if found is None:
        raise Http404
    can_add = request.access.has_permission(Permission.MANAGE_CONNECTIONS) and found.is_available()
    following = next_page(request) if can_add else ""
    context = {
        "help": TypeHelp(found),
        "add_url": with_next(url_of(request, "set_up", type_=type_), following) if can_add else "",
        "types_url": with_next(url_of(request, "add"), following) if can_add else "",
        "list_url": url_of(request, "list"),
    }
    return render_panel(request, "connections/help.html", context)


@requires(Permission.MANAGE_CONNECTIONS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
def set_up(request: EnvironmentRequest, type_: str) -> HttpResponse:
    """Add a connection of one type."""
    found = destinations().get(type_)
    if found is None or not found.is_available():
        raise Http404
    forms = ConnectionPane(request.access, found, data=request.POST if request.method == "POST" else None)
    if request.method != "POST" or not forms.is_valid():
        return _form(request, forms)
    try:
        connection = actions.create(request.environment, type_, forms.draft(), by=request.user)
    except IntegrityError:
        forms.form.add_taken_name()
        return _form(request, forms)
    return _saved(request, connection)


@requires(Permission.MANAGE_CONNECTIONS)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters()
@again_if_moved
def edit(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Show and change a connection; its secrets can only be replaced."""
    connection = load(request, pk)
    found = destinations().get(connection.type)
    if found is None:
        raise Http404
    post = request.POST if request.method == "POST" else None
    opened = ConnectionPane(request.access, found, connection)
    mine = ConnectionPane(request.access, found, connection, post).parts(post) if post is not None else {}
    edit = Edit(About("connection", connection, request.environment), opened.parts(), post, mine)
    forms = ConnectionPane(request.access, found, connection, edit.data)
    if post is None or not edit.is_settled or not forms.is_valid():
        return _form(request, forms, edit)
    try:
        with edit.held(lambda: _locked(request, pk)):
            actions.change(connection, forms.draft(), by=request.user)
    except IntegrityError:
        forms.form.add_taken_name()
        return _form(request, forms, edit)
    except actions.ChangedMeanwhileError as error:
        raise MovedMeanwhileError from error
    except actions.NotAgreedError:
        forms.add_agreement_error()
        return _form(request, forms, edit)
    except UnreadableSecretError:
        forms.add_secret_error()
        return _form(request, forms, edit)
    return _saved(request, connection)


def _locked(request: EnvironmentRequest, pk: int) -> dict[str, Part] | None:
    found = Connection.objects.select_for_update(no_key=True).filter(pk=pk).first()
    return ConnectionPane(request.access, found.destination_class, found).parts() if found else None


def _form(request: EnvironmentRequest, forms: ConnectionPane, edit: Edit | None = None) -> TemplateResponse:
    """Show the pane; with status 422 if it was sent and has errors."""
    following = next_page(request)
    context = {
        "forms": forms,
        "edit": edit,
        "form": forms.form,
        "type_form": forms.type_form,
        "type": forms.type,
        "connection": forms.connection,
        "question": forms.type_form.question,
        "test_url": with_next(url_of(request, "test", pk=forms.connection.pk), following) if forms.connection else "",
        "help_url": url_of(request, "help", type_=forms.type.slug),
        "list_url": url_of(request, "list"),
    }
    context |= way_back(following, forms.connection)
    return render_panel(request, "connections/form.html", context, status=422 if forms.form.is_bound else 200)


def _saved(request: EnvironmentRequest, connection: Connection) -> HttpResponse:
    """Test the connection, or lead back to the page that asked for one, or to the list."""
    following = next_page(request)
    if request.POST.get("then") == "test":
        response = test_now(request, connection)
        if not following or is_list(following):  # an export that waits for the connection is not saved yet
            response.headers["HX-Trigger-After-Swap"] = "panel:saved"
        return response
    text = _("Connection “%(name)s” saved.") % {"name": connection.name}
    if following:
        return back(request, with_connection(following, connection.pk), text, changed=CHANGED)
    return done(request, url_of(request, "list"), text, changed=CHANGED)
