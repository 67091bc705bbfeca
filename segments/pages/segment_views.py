"""Insights > Segments. Everybody reads; contributors and administrators change."""

import json
from typing import Any
from zlib import crc32

from django.contrib import messages
from django.db import IntegrityError
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from roles import reader
from roles.access.policy import EnvironmentRequest, requires
from roles.audit.gone import AlreadyGoneError
from roles.edits.edit import MADE_FROM, About, Carried, Edit, again_if_moved
from roles.edits.parts import Part
from roles.kinds import ProfileKind
from roles.permissions import Permission
from roles.typed import typed_id
from roles.ui.consequences import Consequence, are_accepted, context_of
from roles.ui.htmx import done, render, render_panel
from roles.ui.panels import panel
from roles.ui.polls import ages
from segments import actions, carrying, rules
from segments.models import Segment, SegmentStatus
from segments.pages.choices import choices_of, value_of
from segments.pages.listing import kinds_of, list_segments
from segments.pages.set_up import SegmentPane
from segments.projection import projected
from segments.showing import conditions_for_viewers
from segments.signals import contact_segment_made, segment_changing
from segments.warehouse.members import heal_stuck

CHANGED = "segments:changed"


def _url(request: EnvironmentRequest, name: str, **kwargs: Any) -> str:
    return reverse(f"segments:{name}", kwargs={"environment": request.environment.slug, **kwargs})


def _load(request: EnvironmentRequest, pk: int) -> Segment:
    """Return a segment of the open environment; 404 otherwise."""
    found = Segment.objects.select_related("environment", "table__environment", "created_by")
    return get_object_or_404(found, pk=pk, environment=request.environment)


def _can_edit(request: EnvironmentRequest) -> bool:
    return request.access.has_permission(Permission.EDIT_DATA)


@requires(Permission.VIEW)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """The list of segments."""
    listing = list_segments(request.environment, request.GET)
    heal_stuck(list(listing.page))
    context = {
        "listing": listing,
        "versions": {one.pk: _version(request, one) for one in listing.page if one.status == SegmentStatus.REFRESHING},
        "kinds": kinds_of(request.environment),
        "can_edit": _can_edit(request),
        "has_profile_table": request.environment.tables.exclude(profile_kind="").exists(),
    }
    return render(request, "segments/list.html", context, partial="list", target="list")


@requires(Permission.VIEW)
@require_safe
def row(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """One row of the list during its refresh, 204 where it is shown as it is; the whole list for a browser."""
    segment = _load(request, pk)
    if not getattr(request, "htmx", None):
        return HttpResponseRedirect(_url(request, "list"))
    heal_stuck([segment])
    version = _version(request, segment)
    if request.GET.get("shown") == version:
        return HttpResponse(status=204)
    context = {"segment": segment, "can_edit": _can_edit(request), "versions": {segment.pk: version}}
    return TemplateResponse(request, "segments/list.html#row", context)


def _version(request: EnvironmentRequest, segment: Segment) -> str:
    """Return what changes with the row of a segment that is being refreshed, also by the time that passes."""
    told = (segment.status, segment.updated_at, segment.table.name, *ages([segment.refreshed_at]))
    return f"{crc32(repr((told, _can_edit(request), reader.key())).encode()):x}"


@requires(Permission.EDIT_DATA)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: EnvironmentRequest) -> HttpResponse:
    """Set up a new segment; with `?like=`, one of the contacts of that account segment."""
    if request.method == "POST" or "like" not in request.GET:
        return _set_up(request, Segment(environment=request.environment))
    like = request.GET["like"]
    accounts = _load(request, typed_id(like))
    if accounts.table.profile_kind != ProfileKind.ACCOUNT:
        raise Http404
    try:
        carried = carrying.contact_segment(accounts)
    except carrying.NotCarriedError as error:
        context = {"missing": str(error), "table": error.table, "segment": accounts}
        return render_panel(request, "segments/not_carried.html", context | {"list_url": _url(request, "list")})
    setup = SegmentPane(carried.segment, request.environment)
    setup.count_matches()
    return _pane(request, setup, like=accounts, left_out=carried.left_out)


@requires(Permission.VIEW, post=Permission.EDIT_DATA)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@again_if_moved
def edit(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Show a segment, and change it."""
    segment = _load(request, pk)
    heal_stuck([segment])
    if _can_edit(request) and request.method != "POST" and request.GET.get("like"):
        return _next_steps(request, segment, request.GET)
    if _can_edit(request):
        return _set_up(request, segment)
    choices = choices_of(segment.table)
    context = {
        "segment": segment,
        "conditions": [rules.describe(one, choices.type_of(value_of(one))) for one in conditions_for_viewers(segment)],
        "projected": ", ".join(field.name for field in projected(segment)),
        "exports": _exports(segment),
    }
    return render_panel(request, "segments/view.html", context | {"list_url": _url(request, "list")})


@requires(Permission.EDIT_DATA)
@require_POST
def refresh(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Refresh the members in the background."""
    segment = _load(request, pk)
    heal_stuck([segment])
    name = {"name": segment.name}
    try:
        is_new = actions.refresh(segment, by=request.user)
    except AlreadyGoneError as error:
        return done(request, _url(request, "list"), str(error), changed=CHANGED)
    if not is_new:
        return done(request, _url(request, "list"), _("“%(name)s” is already refreshing.") % name, changed=CHANGED)
    return done(request, _url(request, "list"), _("Refreshing “%(name)s”.") % name, changed=CHANGED)


@requires(Permission.EDIT_DATA)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Ask, then remove; refused while exports use the segment, which the page lists."""
    segment, status, is_read = _load(request, pk), 200, False
    if request.method == "POST":
        try:
            actions.remove(segment, by=request.user)
        except AlreadyGoneError as error:
            return done(request, _url(request, "list"), str(error), changed=CHANGED)
        except (actions.StillUsedError, actions.BeingReadError) as error:
            segment, status, is_read = _load(request, pk), 422, isinstance(error, actions.BeingReadError)
        else:
            text = _("Segment “%(name)s” removed.") % {"name": segment.name}
            return done(request, _url(request, "list"), text, changed=CHANGED)
    context = {"segment": segment, "exports": _exports(segment), "is_read": is_read}
    return render_panel(request, "segments/remove.html", context | {"list_url": _url(request, "list")}, status=status)


def _set_up(request: EnvironmentRequest, segment: Segment) -> HttpResponse:
    """Show the pane or save it; its other buttons show it again."""
    post = request.POST if request.method == "POST" else None
    if post is None or post.get("action"):
        return _pane(request, SegmentPane(segment, request.environment, post))
    edit = _compared(request, segment, post)
    setup = SegmentPane(segment, request.environment, edit.data)
    if not setup.is_valid() or not edit.is_settled:
        return _pane(request, setup, status=422, edit=edit)
    name, saved = {"name": setup.form.cleaned_data["name"]}, setup.to_segment()
    found = _consequences(saved) if saved.pk else []
    if not are_accepted(request.POST, found):
        return _pane(request, setup, status=422, edit=edit, **context_of(found))
    try:
        with edit.held(lambda: _locked(request, segment.pk)):
            actions.save(saved, by=request.user)
    except IntegrityError:
        setup.form.add_error("name", _("A segment called “%(name)s” already exists.") % name)
        return _pane(request, setup, status=422, edit=edit)
    text = _("Segment “%(name)s” saved.") % name
    if request.POST.get("like"):
        return _led_on(request, saved, text)
    return done(request, _url(request, "list"), text, changed=CHANGED)


def _compared(request: EnvironmentRequest, segment: Segment, post: QueryDict | None = None) -> Edit:
    if segment.pk is None:
        return Edit(None, post=post)
    now = SegmentPane(_load(request, segment.pk), request.environment).parts()
    sent = SegmentPane(_load(request, segment.pk), request.environment, post).parts(post) if post is not None else {}
    return Edit(About("segment", segment, request.environment), now, post, sent)


def _locked(request: EnvironmentRequest, pk: int) -> dict[str, Part] | None:
    found = Segment.objects.select_for_update(no_key=True).filter(pk=pk).first()
    return SegmentPane(_load(request, pk), request.environment).parts() if found else None


def _led_on(request: EnvironmentRequest, segment: Segment, text: str) -> HttpResponse:
    """Say that a contact segment was made from an account segment, and offer to export it."""
    if not getattr(request, "htmx", None):
        messages.success(request, text)
        query = urlencode({"like": request.POST["like"], "export": request.POST.get("export", "")})
        return HttpResponseRedirect(f"{_url(request, 'edit', pk=segment.pk)}?{query}")
    response = _next_steps(request, segment, request.POST)
    response.headers["HX-Trigger"] = json.dumps({CHANGED: True, "announce": text})
    response.headers["HX-Trigger-After-Swap"] = "panel:saved"
    return response


def _next_steps(request: EnvironmentRequest, segment: Segment, asked: QueryDict) -> TemplateResponse:
    """Offer to use a contact segment in the exports that cannot send its account segment, the one it is for first."""
    accounts = _load(request, typed_id(asked.get("like")))
    answers: Any = contact_segment_made.send(Segment, segment=segment, accounts=accounts, access=request.access)
    steps = [step for _receiver, answer in answers for step in answer]
    first = typed_id(asked.get("export"))
    context = {
        "segment": segment,
        "accounts": accounts,
        "steps": sorted(steps, key=lambda step: step.key != first),
        "list_url": _url(request, "list"),
    }
    return render_panel(request, "segments/saved.html", context)


def _consequences(changed: Segment) -> list[Consequence]:
    """What saving the changed segment does elsewhere."""
    old = Segment.objects.select_related("environment", "table__environment").get(pk=changed.pk)
    answers: Any = segment_changing.send(Segment, old=old, new=changed)
    return [one for _receiver, answer in answers for one in answer]


def _pane(request: EnvironmentRequest, setup: SegmentPane, status: int = 200, **more: Any) -> TemplateResponse:
    segment = setup.segment
    if "edit" not in more:
        is_sent = request.method == "POST"
        more["edit"] = Carried(request.POST.get(MADE_FROM, "")) if is_sent else _compared(request, segment)
    context = more | {
        "setup": setup,
        "like_pk": more["like"].pk if "like" in more else request.POST.get("like", ""),
        "for_export": request.POST.get("export", request.GET.get("export", "")),
        "form": setup.form,
        "segment": segment if segment.pk else None,
        "exports": _exports(segment) if segment.pk else [],
        "list_url": _url(request, "list"),
    }
    htmx: Any = getattr(request, "htmx", None)
    if setup.action and htmx and (htmx.target or "").startswith("condition"):
        is_other_table = setup.action == "table"
        return TemplateResponse(request, "segments/form.html#conditions", context | {"is_other_table": is_other_table})
    return render_panel(request, "segments/form.html", context, status=status)


def _exports(segment: Segment) -> list[Any]:
    """Return the exports that send the segment."""
    users: Any = getattr(segment, "exports")  # noqa: B009 - another app's relation, which this one does not know
    return list(users.select_related("environment").order_by("name"))
