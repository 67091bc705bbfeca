"""What removing people would do, shown before it is done."""

from typing import NamedTuple

from django.utils.translation import gettext as _

from roles.models import Environment, RoleAssignment
from roles.people import groups
from roles.people.actions import last_administrator, through_group
from roles.people.errors import LastAdministratorError
from roles.roles import Role


class Leaving(NamedTuple):
    """A person who would be removed, and the role that they would keep."""

    person: RoleAssignment
    after: str


class RemovalPlan(NamedTuple):
    """The people who would be removed, and why others are left out."""

    leaving: list[Leaving]
    left_out: list[str]


def plan_removal(environment: Environment, people: list[RoleAssignment]) -> RemovalPlan:
    """Return what removing `people` from `environment` would do."""
    carried = groups.carried(environment, [one.user_id for one in people])
    leaving, left_out, last = [], [], last_administrator(environment, people)
    for one in people:
        back = carried.get(one.user_id)
        if one.group:
            left_out.append(str(through_group(one)))
        elif one == last and not (back and back.role == Role.ADMINISTRATOR):
            left_out.append(str(LastAdministratorError(str(one.user))))
        else:
            leaving.append(Leaving(one, _after(environment, back)))
    return RemovalPlan(leaving, left_out)


def _after(environment: Environment, back: groups.InheritedRole | None) -> str:
    if back is None:
        return _("can no longer open %(environment)s") % {"environment": environment}
    return _("keeps the role %(role)s through the group “%(group)s”") % {
        "role": Role(back.role).label,
        "group": back.group,
    }
