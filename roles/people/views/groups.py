"""Groups of the single sign-on, and the role that each gives."""

from typing import Any, NamedTuple

from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from roles.access.policy import EnvironmentRequest, requires
from roles.audit.gone import AlreadyGoneError
from roles.edits.edit import About, Edit, again_if_moved
from roles.edits.parts import Part, parts_of
from roles.models import GroupMembership, GroupRole, RoleAssignment
from roles.people import actions, groups
from roles.people.errors import RefusedError
from roles.people.forms import GroupForm, own_label
from roles.people.listing import PAGE_SIZE
from roles.people.views.common import change_of_roles, report, tabs, url_of
from roles.permissions import Permission
from roles.roles import Role
from roles.ui.htmx import render, render_panel
from roles.ui.panels import panel

SORTS = {
    "group": lambda line: line.group.lower(),
    "role": lambda line: Role.values.index(line.role),
    "people": lambda line: line.people,
    "origin": lambda line: line.pk is None,
}


class GroupLine(NamedTuple):
    """One group in the list; `pk` is None if the operator set it."""

    pk: int | None
    group: str
    role: str
    people: int

    @property
    def role_label(self) -> str:
        """The role's name for people."""
        return str(Role(self.role).label)


@requires(Permission.MANAGE_PEOPLE)
@require_safe
def list_page(request: EnvironmentRequest) -> TemplateResponse:
    """The groups that give a role here."""
    sort = request.GET.get("sort", "group")
    sort = sort if sort.lstrip("-") in SORTS else "group"
    lines = sorted(_lines(request), key=SORTS[sort.lstrip("-")], reverse=sort.startswith("-"))
    page = Paginator(lines, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(
        request, "people/groups.html", {"page": page, "sort": sort} | tabs(request), partial="list", target="list"
    )


def _lines(request: EnvironmentRequest) -> list[GroupLine]:
    rows = list(GroupRole.objects.filter(environment=request.environment))
    fixed = groups.fixed_roles(request.environment)
    names = {row.group for row in rows} | fixed.keys()
    members = GroupMembership.objects.filter(group__in=names).values_list("group").annotate(Count("pk"))
    counts = dict(members.order_by())
    own = [GroupLine(row.pk, row.group, row.role, counts.get(row.group, 0)) for row in rows]
    return own + [GroupLine(None, group, role, counts.get(group, 0)) for group, role in fixed.items()]


@requires(Permission.MANAGE_PEOPLE)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: EnvironmentRequest) -> HttpResponse:
    """Give a group a role."""
    return _edit(request, GroupRole(environment=request.environment))


@requires(Permission.MANAGE_PEOPLE)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@again_if_moved
def edit(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Give a group another role."""
    return _edit(request, _load(request, pk))


@requires(Permission.MANAGE_PEOPLE)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Ask, then remove the group's role."""
    group_role = _load(request, pk)
    own, refused = _own(request, group_role), ""
    is_unticked = bool(request.method == "POST" and own and "myself" not in request.POST)
    if request.method == "POST" and not is_unticked:
        try:
            with change_of_roles(request):
                actions.remove_group_role(group_role, by=request.user)
        except AlreadyGoneError as error:
            return report(request, str(error), back="groups")
        except RefusedError as error:
            refused = str(error)
        else:
            return _done(request, _("Role of the group “%(group)s” removed."), group_role)
    context = {
        "group_role": group_role,
        "through": request.environment.role_assignments.filter(group=group_role.group).count(),
        "refused": refused,
        "own_label": own_label(own) if own else "",
        "is_unticked": is_unticked,
        "list_url": url_of(request, "groups"),
    }
    return render_panel(request, "people/remove_group.html", context, status=422 if request.method == "POST" else 200)


def _edit(request: EnvironmentRequest, group_role: GroupRole) -> HttpResponse:
    edit = _compared(group_role, request.POST if request.method == "POST" else None)
    form = GroupForm(_own(request, group_role), edit.data, instance=group_role)
    if request.method == "POST" and form.is_valid() and edit.is_settled:
        values: dict[str, Any] = form.cleaned_data
        try:
            with change_of_roles(request), edit.held(lambda: _locked(group_role.pk)):
                saved = actions.set_group_role(request.environment, values["group"], values["role"], by=request.user)
        except RefusedError as error:
            form.add_error(None, str(error))
        else:
            return _done(request, _("Role of the group “%(group)s” set to %(role)s."), saved)
    context = {"form": form, "edit": edit, "list_url": url_of(request, "groups")}
    return render_panel(request, "people/group.html", context, status=422 if form.is_bound else 200)


def _compared(group_role: GroupRole, post: QueryDict | None) -> Edit:
    if group_role.pk is None:
        return Edit(None, post=post)
    form = GroupForm(None, instance=group_role)
    mine = parts_of(form, post, names=["role"]) if post is not None else {}
    about = About("group", group_role, group_role.environment)
    return Edit(about, parts_of(form, names=["role"]), post, mine)


def _locked(pk: int) -> dict[str, Part] | None:
    found = GroupRole.objects.filter(pk=pk).first()
    return parts_of(GroupForm(None, instance=found), names=["role"]) if found else None


def _own(request: EnvironmentRequest, group_role: GroupRole) -> RoleAssignment | None:
    """Return the person's own role assignment if it comes from this group, else None."""
    own = RoleAssignment.objects.filter(environment=request.environment, user=request.user).select_related("user")
    return own.filter(group=group_role.group).first() if group_role.pk else None


def _load(request: EnvironmentRequest, pk: int) -> GroupRole:
    found = GroupRole.objects.select_related("environment")
    return get_object_or_404(found, pk=pk, environment=request.environment)


def _done(request: EnvironmentRequest, text: str, group_role: GroupRole) -> HttpResponse:
    """Report success; people who came through the group and lost their right are led away."""
    words = text % {"group": group_role.group, "role": group_role.get_role_display()}
    return report(request, words, back="groups")
