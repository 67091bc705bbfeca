"""Gives and removes roles: atomic, one change at a time in an environment, recorded in the audit log.

`by` is None where an operator or the system does it. All raise RefusedError.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from roles.audit import audit
from roles.audit.gone import locked
from roles.models import Environment, GroupMembership, GroupRole, RoleAssignment, User
from roles.people import groups
from roles.people.errors import LastAdministratorError, RefusedError
from roles.roles import Role


def lock(environment: Environment) -> None:
    """Lock the roles of `environment` until the transaction ends.

    Two administrators who remove each other at the same moment would otherwise both succeed.
    """
    groups.one_at_a_time()  # first, as whoever signs in through a group takes it
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)


@transaction.atomic
def give(environment: Environment, user: User, role: str, *, by: User | None) -> RoleAssignment:
    """Give `user` a role of their own, or change it; it takes precedence over the roles of groups."""
    lock(environment)
    assignment = RoleAssignment.objects.filter(environment=environment, user=user).first()
    if assignment and assignment.role == role and not assignment.group:
        return assignment
    before = assignment.role if assignment else None
    if before == Role.ADMINISTRATOR != role and not _administrators(environment).exclude(user=user).exists():
        raise LastAdministratorError(str(user))
    given = assignment or RoleAssignment(environment=environment, user=user)
    changes: dict[str, list[str | None]] = {"role": [before, role]}
    if given.group:
        changes["group"] = [given.group, ""]
    given.role, given.group = role, ""
    given.save()
    audit.record(environment, "change role" if assignment else "give role", user, by=by, changes=changes)
    return given


@transaction.atomic
def remove(assignment: RoleAssignment, *, by: User | None) -> None:
    """Remove a person's own role; the role of their groups, if any, applies again."""
    environment, user = assignment.environment, assignment.user
    lock(environment)
    own = RoleAssignment.objects.filter(environment=environment, user=user).first()
    if own is None:
        return
    if own.group:
        raise through_group(own)
    own.delete()
    audit.record(environment, "remove role", user, by=by, changes={"role": [own.role, None]})
    if GroupMembership.objects.filter(user=user).exists():
        groups.carry(environment, user, by=by)
    if own.role == Role.ADMINISTRATOR and not _administrators(environment).exists():
        raise LastAdministratorError(str(user))


@transaction.atomic
def set_group_role(environment: Environment, group: str, role: str, *, by: User | None) -> GroupRole:
    """Give everybody in `group` the role, unless they have one of their own."""
    lock(environment)
    had_one = _administrators(environment).exists()
    before = GroupRole.objects.filter(environment=environment, group=group).first()
    if before and before.role == role:
        return before
    group_role, _is_new = GroupRole.objects.update_or_create(
        environment=environment, group=group, defaults={"role": role}
    )
    groups.carry_all(environment, by=by)
    _still_has_one(environment, had_one)
    changes = {"role": [before.role if before else None, role]}
    audit.record(environment, "change group role" if before else "add group role", group_role, by=by, changes=changes)
    return group_role


@transaction.atomic
def remove_group_role(group_role: GroupRole, *, by: User | None) -> None:
    """Remove the role of `group`; people who were here only through it lose access."""
    environment = group_role.environment
    lock(environment)
    group_role = locked(GroupRole.objects.select_related("environment"), group_role)
    had_one = _administrators(environment).exists()
    audit.record(environment, "remove group role", group_role, by=by, changes={"role": [group_role.role, None]})
    group_role.delete()
    groups.carry_all(environment, by=by)
    _still_has_one(environment, had_one)


def through_group(assignment: RoleAssignment) -> RefusedError:
    """Return why somebody without a role of their own cannot be removed."""
    text = _("“%(name)s” has access through the group “%(group)s”. Remove them from the group, or change its role.")
    return RefusedError(text % {"name": assignment.user, "group": assignment.group})


def last_administrator(environment: Environment, people: list[RoleAssignment]) -> RoleAssignment | None:
    """Return the one of `people` without whom `environment` has no administrator; None if there are others."""
    if all(one.role != Role.ADMINISTRATOR for one in people):
        return None
    able = set(_administrators(environment).values_list("user_id", flat=True)[:2])
    return next((one for one in people if one.role == Role.ADMINISTRATOR and not able - {one.user_id}), None)


def _administrators(environment: Environment) -> QuerySet[RoleAssignment]:
    """Return the people who can sign in and administer."""
    return RoleAssignment.objects.filter(environment=environment, role=Role.ADMINISTRATOR, user__is_active=True)


def _still_has_one(environment: Environment, had_one: bool) -> None:
    if had_one and not _administrators(environment).exists():
        raise LastAdministratorError
