"""Data > Tables: the list, one table, and its relationships."""

from typing import Any

import psycopg
from django.db.models import prefetch_related_objects
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from roles import shared_memory
from roles.access.policy import EnvironmentRequest, requires
from roles.access.seeing import NO_DATA
from roles.audit.gone import AlreadyGoneError
from roles.edits.edit import About, Edit, again_if_moved
from roles.edits.parts import Part
from roles.permissions import Permission
from roles.typed import typed_id
from roles.ui.htmx import done, render, render_panel
from roles.ui.panels import panel
from segments import relationships, rules, showing
from segments.models import Field, Relationship, Table
from segments.pages.listing import list_tables
from segments.warehouse import queries, records

RELATED, FIELDS = "relationships:changed", "fields:changed"
SAMPLE_ROWS = 10


@requires(Permission.VIEW)
@require_safe
def tables(request: EnvironmentRequest) -> TemplateResponse:
    """The list of tables."""
    listing = list_tables(request.environment, request.GET)
    return render(request, "segments/tables.html", {"listing": listing}, partial="list", target="list")


@requires(Permission.VIEW)
@require_safe
def table(request: EnvironmentRequest, pk: int) -> TemplateResponse:
    """One table: its fields, a sample of its rows, its relationships, and the segments built on it."""
    return _page(request, _load(request, pk))


@requires(Permission.SHOW_VALUES)
@require_POST
@again_if_moved
def choose_shown(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Show exactly the ticked columns to viewers."""
    found = _load(request, pk)
    edit = _compared(found, request.POST)
    if not edit.is_settled:
        return _page(request, found, edit=edit)
    try:
        with edit.held(lambda: {"shown": _shown(list(found.fields.select_for_update()))}):
            showing.choose(found, edit.data.getlist("shown"), by=request.user)
    except showing.ChangedMeanwhileError:
        text = _("Not saved: the table changed after you opened it. Check its fields and save again.")
        return _page(request, found, field_problem=text)
    return done(request, _url(request, found, "fields"), _("Columns for viewers saved."), changed=FIELDS)


@requires(Permission.EDIT_DATA)
@require_POST
def relate(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Relate the table's rows to another table's."""
    found = _load(request, pk)
    field = found.fields.filter(pk=typed_id(request.POST.get("field"))).first()
    keys = {str(key.pk): key for key in relationships.single_keys(found)}
    key = keys.get(request.POST.get("key", ""))
    if field is None or key is None:
        return _page(request, found, problem=_("Choose a field and the key of the table it links to."))
    try:
        made = relationships.relate(field, key, by=request.user)
    except relationships.NotRelatedError as error:
        return _page(request, found, problem=str(error))
    text = _("Relationship %(relationship)s added.") % {"relationship": made}
    return done(request, _url(request, found), text, changed=RELATED)


@requires(Permission.EDIT_DATA)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def unrelate(request: EnvironmentRequest, pk: int, relationship: int) -> HttpResponse:
    """Ask, naming the segments that use the relationship, then remove it."""
    table = _load(request, pk)
    found = get_object_or_404(table.relationships.select_related("table__environment", "to_table"), pk=relationship)
    if request.method == "POST":
        text = _("Relationship %(relationship)s removed.") % {"relationship": found}
        try:
            relationships.unrelate(found, by=request.user)
        except AlreadyGoneError as error:
            text = str(error)
        return done(request, _url(request, table), text, changed=RELATED)
    segments = relationships.used_by(found)
    prefetch_related_objects(segments, "exports__environment")  # of the app above
    context = {"relationship": found, "segments": segments, "table_url": _url(request, table)}
    return render_panel(request, "segments/unrelate.html", context)


def _compared(table: Table, post: QueryDict | None = None) -> Edit:
    fields = list(table.fields.all())
    about, now = About("columns for viewers", table, table.environment), {"shown": _shown(fields)}
    return Edit(about, now, post, {"shown": _shown(fields, post.getlist("shown"))} if post is not None else {})


def _shown(fields: list[Field], looks: list[str] | None = None) -> Part:
    """The columns that viewers see, as they are or as `looks` name them."""
    known = {showing.look_of(field): field for field in fields if showing.can_be_marked(field)}
    ticked = [look for look, field in known.items() if field.is_shown] if looks is None else looks
    names = [known[look].name if look in known else look.split(":")[0] for look in ticked]
    return Part(_("Show to viewers"), sorted(set(ticked)), {"shown": ticked}, names, ("shown",))


def _load(request: EnvironmentRequest, pk: int) -> Table:
    """Return a table of the open environment; 404 otherwise."""
    return get_object_or_404(Table.objects.select_related("environment"), pk=pk, environment=request.environment)


def _page(
    request: EnvironmentRequest, table: Table, problem: str = "", field_problem: str = "", edit: Edit | None = None
) -> TemplateResponse:
    fields = list(table.fields.all())
    ticked = edit.data.getlist("shown") if edit else []
    for field in fields if edit else ():
        field.is_shown = showing.look_of(field) in ticked  # as typed; nothing is saved
    context = _related(request, table, fields) | {"table": table, "relationship_problem": problem}
    if not (request.htmx and request.htmx.target == "relationships"):
        context |= _sample(request, table, fields) | {
            "described": [_described(field) for field in fields],
            "can_show": request.access.has_permission(Permission.SHOW_VALUES),
            "field_problem": field_problem,
            "edit": edit or _compared(table),
            "segments": table.segments.all(),
            "list_url": reverse("segments:tables", kwargs={"environment": request.environment.slug}),
        }
    name, status = "segments/table.html", 422 if problem or field_problem or edit else 200
    return render(request, name, context, partial="relationships", target="relationships", status=status)


def _related(request: EnvironmentRequest, table: Table, fields: list[Field]) -> dict[str, Any]:
    """The section of relationships: those from and to the table, and, for editors, those that can be added."""
    found: dict[str, Any] = {
        "table_url": _url(request, table).partition("#")[0],
        "relationships": Relationship.objects.described().filter(table=table),
        "referring": Relationship.objects.described().filter(to_table=table).exclude(table=table),
        "can_edit": request.access.has_permission(Permission.EDIT_DATA),
    }
    if not found["can_edit"]:
        return found
    keys = relationships.single_keys(table)
    by_name = {(key.table_id, key.name): key for key in keys}
    ids = {field.name: field.pk for field in fields}
    suggested = [
        {"field": ids[one.field_name], "key": by_name[one.to_table_id, one.to_field_name].pk, "label": str(one)}
        for one in relationships.suggested(table)
    ]
    others_first = sorted(keys, key=lambda key: key.table_id == table.pk)
    return found | {"suggested": suggested, "keys": others_first, "own_fields": fields, "chosen": request.POST}


def _sample(request: EnvironmentRequest, table: Table, fields: list[Field]) -> dict[str, Any]:
    """The first rows; masked for those who may not edit data."""
    is_masked = showing.is_for_viewer(request.access)
    if request.access.is_support:
        return {"fields": fields, "rows": [], "is_masked": True, "problem": NO_DATA}
    try:
        rows, problem = records.sample(table, fields, SAMPLE_ROWS), ""
    except (psycopg.Error, rules.RulesError, queries.NotReadyError) as error:
        again = _("The rows cannot be read now. If this continues, import the table again.")
        rows, problem = [], str(shared_memory.advice(error) or again)
    return {
        "fields": fields,
        "rows": showing.rows_of(rows, fields, showing.for_viewer) if is_masked else rows,
        "columns": [(field.name, field.pg_type) for field in fields],
        "is_masked": is_masked,
        "problem": problem,
    }


def _url(request: EnvironmentRequest, table: Table, part: str = "relationships") -> str:
    page = reverse("segments:table", kwargs={"environment": request.environment.slug, "pk": table.pk})
    return f"{page}#{part}"


def _described(field: Field) -> dict[str, Any]:
    """Return a field as a row of the page."""
    return {
        "field": field,
        "meaning": field.get_semantic_type_display() if field.semantic_type else "",
        "look": showing.look_of(field),
        "can_be_marked": showing.can_be_marked(field),
    }
