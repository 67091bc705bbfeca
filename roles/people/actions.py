"""What changes who may do what: atomic, one at a time in each environment, and in the audit log.

`by` is None where an operator or the system does it. All raise RefusedError.
"""

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from roles.audit import audit
from roles.models import Environment, GroupMembership, GroupRole, RoleAssignment, User
from roles.people import groups
from roles.people.errors import LastAdministratorError, RefusedError
from roles.roles import Role


def lock(environment: Environment) -> None:
    """Wait until nobody else changes roles in `environment`; held until the transaction ends.

    Two administrators who remove each other at the same moment would both be the one who is left.
    """
    groups.one_at_a_time()  # first, as whoever signs in through a group takes it
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)


@transaction.atomic
def give(environment: Environment, user: User, role: str, *, by: User | None) -> RoleAssignment:
    """Give `user` a role of their own, which counts before that of any group; also to change the one they have."""
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
    """Take back the role that was given to a person; that of their groups, if any, counts again."""
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
    """Let everybody in `group` have `role`, unless they have one of their own."""
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
    """Let `group` carry no role any more; those who were here through it alone are out."""
    environment = group_role.environment
    lock(environment)
    had_one = _administrators(environment).exists()
    audit.record(environment, "remove group role", group_role, by=by, changes={"role": [group_role.role, None]})
    group_role.delete()
    groups.carry_all(environment, by=by)
    _still_has_one(environment, had_one)


def through_group(assignment: RoleAssignment) -> RefusedError:
    """Return why somebody cannot be removed who has no role of their own."""
    text = _("“%(name)s” is here through the group “%(group)s”. Take them out of the group, or change its role.")
    return RefusedError(text % {"name": assignment.user, "group": assignment.group})


def last_administrator(environment: Environment, people: list[RoleAssignment]) -> RoleAssignment | None:
    """Return the one of `people` (of `environment`) without whom nobody administers it; None: there are others."""
    if all(one.role != Role.ADMINISTRATOR for one in people):
        return None
    able = set(_administrators(environment).values_list("user_id", flat=True)[:2])
    return next((one for one in people if one.role == Role.ADMINISTRATOR and not able - {one.user_id}), None)


def _administrators(environment: Environment) -> QuerySet[RoleAssignment]:
    """Those who could sign in and administer."""
    return RoleAssignment.objects.filter(environment=environment, role=Role.ADMINISTRATOR, user__is_active=True)


def _still_has_one(environment: Environment, had_one: bool) -> None:
    if had_one and not _administrators(environment).exists():
        raise LastAdministratorError
