"""Give another role to one or several people, and remove them."""

from typing import Any

from django.http import HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from roles.access.policy import EnvironmentRequest, requires
from roles.edits.edit import About, Edit, again_if_moved
from roles.edits.parts import Part
from roles.models import RoleAssignment
from roles.people import actions
from roles.people.forms import ChangeForm, own_label
from roles.people.leaving import plan_removal
from roles.people.views.common import apply_to_each, change_of_roles, chosen, load, report, url_of
from roles.permissions import Permission
from roles.roles import Role
from roles.ui.htmx import render_panel
from roles.ui.panels import panel


@requires(Permission.MANAGE_PEOPLE)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@again_if_moved
def edit(request: EnvironmentRequest, pk: int) -> HttpResponse:
    """Show a person and their role, which can be changed."""
    return _change(request, [load(request, pk)], is_sent=request.method == "POST")


@requires(Permission.MANAGE_PEOPLE)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
@again_if_moved
def change(request: EnvironmentRequest) -> HttpResponse:
    """Ask for the new role of the chosen people, then give it."""
    return _change(request, chosen(request), is_sent="confirmed" in request.POST)


def _change(request: EnvironmentRequest, people: list[RoleAssignment], *, is_sent: bool) -> HttpResponse:
    edit = _compared(request, people, request.POST if is_sent else None)
    form = ChangeForm(people, request.user, edit.data)
    if not is_sent or not form.is_valid() or not edit.is_settled:
        context: dict[str, Any] = {"people": people, "form": form, "edit": edit, "list_url": url_of(request, "list")}
        context["last"] = actions.last_administrator(request.environment, people)
        return render_panel(request, "people/change.html", context, status=422 if is_sent else 200)
    role = Role(form.cleaned_data["role"])
    chosen_for = [one for one in people if f"role.{one.user_id}" not in edit.stands]
    same = [one for one in chosen_for if one.role == role and not one.group]
    others = [one for one in chosen_for if one not in same]
    with change_of_roles(request):
        edit.check(_roles([load(request, one.user_id) for one in people]))
        changed, refused = apply_to_each(
            others, lambda one: actions.give(request.environment, one.user, role, by=request.user)
        )
    has_already = _("“%(name)s” was left out: already has this role.")
    left_out = [has_already % {"name": one.user} for one in same] if len(people) > 1 else []
    return report(request, _changed(changed, same, role), refused + left_out)


def _compared(request: EnvironmentRequest, people: list[RoleAssignment], post: QueryDict | None) -> Edit:
    ids = " ".join(str(one.user_id) for one in people)
    about = About(f"roles {ids}", people[0].user, request.environment, tuple(one.user_id for one in people))
    return Edit(about, _roles(people), post, _roles(people, post.get("role", "")) if post is not None else {})


def _roles(people: list[RoleAssignment], typed: str | None = None) -> dict[str, Part]:
    """The roles of `people`, part by part: as they are, or as typed for all of them."""
    roles = {one: one.role if typed is None else typed for one in people}
    labels = dict(Role.choices)
    is_one = len(people) == 1
    return {
        f"role.{one.user_id}": Part(
            str(one.user), role, {"role": [role]} if is_one else {}, [str(labels.get(role, role))], ("role",)
        )
        for one, role in roles.items()
    }


def _changed(people: list[RoleAssignment], same: list[RoleAssignment], role: Role) -> str:
    if not people:
        return (
            _("%(name)s keeps the role %(role)s.") % {"name": same[0].user, "role": role.label}
            if len(same) == 1
            else ""
        )
    if len(people) == 1:
        return _("Role of %(name)s changed to %(role)s.") % {"name": people[0].user, "role": role.label}
    words = ngettext(
        "Role of %(n)d person changed to %(role)s.", "Role of %(n)d people changed to %(role)s.", len(people)
    )
    return words % {"n": len(people), "role": role.label}


@requires(Permission.MANAGE_PEOPLE)
@panel
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: EnvironmentRequest) -> HttpResponse:
    """Remove the chosen people, after a confirmation that names them and what they lose."""
    people = chosen(request)
    plan = plan_removal(request.environment, people)
    own = next((one.person for one in plan.leaving if one.person.user_id == request.user.pk), None)
    is_sent = "confirmed" in request.POST
    if not is_sent or (own and "myself" not in request.POST):
        context: dict[str, Any] = {"plan": plan, "list_url": url_of(request, "list")}
        context |= {"own_label": own_label(own, removing=True) if own else "", "is_unticked": is_sent}
        return render_panel(request, "people/remove.html", context, status=422 if is_sent else 200)
    with change_of_roles(request):
        removed, refused = apply_to_each(people, lambda one: actions.remove(one, by=request.user))
    return report(request, _removed(removed), refused)


def _removed(people: list[RoleAssignment]) -> str:
    if len(people) == 1:
        return _("%(name)s removed.") % {"name": people[0].user}
    return ngettext("%d person removed.", "%d people removed.", len(people)) % len(people) if people else ""
