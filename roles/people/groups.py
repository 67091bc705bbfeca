"""Groups of the single sign-on, and the roles that they give.

A role given to the person stands; without one it is the highest of their groups'. What groups carry is written in
GroupRole (the Permissions page) and in WAYBILL_OIDC_ROLES. It is kept as RoleAssignment rows that name their group,
so that every request still asks for one row.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from roles.audit import audit
from roles.models import GROUP_LENGTH, Environment, GroupMembership, GroupRole, RoleAssignment, User
from roles.roles import is_higher
from roles.validators import composed, invisible_places

GROUPS_LIMIT = 500  # memberships kept per person
_CLAIM_LIMIT = 20_000  # entries of a claim that are looked at
_LOCK = 0x57425F67726F7570  # "WB_group"; one change of what groups carry at a time


class InheritedRole(NamedTuple):
    """A role, and the group that gives it."""

    role: str
    group: str


def groups_in(claim: Any) -> set[str]:
    """Return the names in a groups claim: a list, or a text of one or several; other things are left out."""
    names = _names_in(claim) if isinstance(claim, str) else claim if isinstance(claim, list) else []
    texts = {composed(name.strip()) for name in names[:_CLAIM_LIMIT] if isinstance(name, str)}
    return {text for text in texts if 0 < len(text) <= GROUP_LENGTH and "\0" not in text and _is_known_or_plain(text)}


def _is_known_or_plain(text: str) -> bool:
    """Whether `text` can be shown, or has had a role since before such names were refused."""
    return not any(invisible_places(text)) or GroupRole.objects.filter(group=text).exists()


def carry_roles() -> bool:
    """Whether any group gives a role anywhere."""
    return bool(settings.GROUP_ROLES) or GroupRole.objects.exists()


def _names_in(text: str) -> list[str]:
    """Return the groups that a text names: itself where it carries a role, else what commas divide.

    Blanks divide it only where each part carries a role: whoever is in Domain Admins is not in Admins for that.
    """
    text = composed(text.strip())
    words = text.split()
    if _carries_role(text):
        return [text]
    if "," in text:
        return [text, *text.split(",")]
    return words if all(map(_carries_role, words)) else [text]


def _carries_role(group: str) -> bool:
    if "\0" in group:
        return False
    return group in {name for name, _slug, _role in settings.GROUP_ROLES} or (
        GroupRole.objects.filter(group=group).exists()
    )


@transaction.atomic
def join(user: User, names: set[str]) -> None:
    """Replace the groups of `user` by `names`, and update the roles that come from them."""
    one_at_a_time()
    kept = _most_useful(names)
    GroupMembership.objects.filter(user=user).exclude(group__in=kept).delete()
    rows = [GroupMembership(user=user, group=name) for name in sorted(kept)]
    GroupMembership.objects.bulk_create(rows, ignore_conflicts=True)
    for environment in _concerned(user, kept):
        _apply(environment, {user.pk: user}, None)


@transaction.atomic
def carry(environment: Environment, user: User, *, by: User | None = None) -> None:
    """Give `user` the role of their groups in `environment`; call it after removing their own."""
    one_at_a_time()
    _apply(environment, {user.pk: user}, by)


@transaction.atomic
def carry_all(environment: Environment, *, by: User | None = None) -> None:
    """Update all roles through groups in `environment`; call it after GroupRole changed."""
    one_at_a_time()
    members = GroupMembership.objects.filter(group__in=roles_of_groups(environment)).values("user")
    carried = RoleAssignment.objects.filter(environment=environment).exclude(group="").values("user")
    people = User.objects.filter(Q(pk__in=members) | Q(pk__in=carried))
    _apply(environment, {user.pk: user for user in people}, by)


def roles_of_groups(environment: Environment) -> dict[str, str]:
    """Return the roles of groups in `environment` by the groups' names."""
    rows = [*GroupRole.objects.filter(environment=environment).values_list("group", "role")]
    rows += fixed_roles(environment).items()
    carried: dict[str, str] = {}
    for group, role in rows:
        carried[group] = _higher(role, carried.get(group, role))
    return carried


def fixed_roles(environment: Environment) -> dict[str, str]:
    """Return the roles of groups that WAYBILL_OIDC_ROLES sets in `environment`; no page changes them."""
    found: dict[str, str] = {}
    for group, slug, role in settings.GROUP_ROLES:
        if slug in ("*", environment.slug):
            found[group] = _higher(role, found.get(group, role))
    return found


def _concerned(user: User, names: list[str]) -> list[Environment]:
    """Return the environments in which `user` has, or may now get, a role through a group."""
    slugs = {slug for group, slug, _role in settings.GROUP_ROLES if group in names}
    if "*" in slugs:
        return list(Environment.objects.order_by("pk"))
    here = RoleAssignment.objects.filter(user=user).exclude(group="").values("environment")
    carried = GroupRole.objects.filter(group__in=names).values("environment")
    return list(Environment.objects.filter(Q(slug__in=slugs) | Q(pk__in=here) | Q(pk__in=carried)).order_by("pk"))


def _apply(environment: Environment, people: Mapping[int, User], by: User | None) -> None:
    wanted = carried(environment, people)
    there = {row.user_id: row for row in RoleAssignment.objects.filter(environment=environment, user__in=people)}
    for pk in people.keys() & (wanted.keys() | there.keys()):
        row, role = there.get(pk), wanted.get(pk)
        if row and not row.group:
            continue
        before = InheritedRole(row.role, row.group) if row else None
        if before != role and _change(environment, people[pk], role):
            _note(environment, people[pk], before, role, by)


def carried(environment: Environment, people: Iterable[int]) -> dict[int, InheritedRole]:
    """Return the best role through groups for each of `people` (user ids)."""
    roles = roles_of_groups(environment)
    best: dict[int, InheritedRole] = {}
    rows = GroupMembership.objects.filter(user__in=people, group__in=roles).order_by("group")
    for pk, group in rows.values_list("user", "group"):
        offer = InheritedRole(roles[group], group)
        if pk not in best or is_higher(offer.role, best[pk].role):
            best[pk] = offer
    return best


def _change(environment: Environment, user: User, role: InheritedRole | None) -> bool:
    """Write one role; False if the person got a role of their own meanwhile, which stays."""
    ours = RoleAssignment.objects.filter(environment=environment, user=user).exclude(group="")
    if role is None:
        return bool(ours.delete()[0])
    row = ours.select_for_update().first()
    if row:  # saved, not updated: other rooms listen to who loses a role
        row.role, row.group = role
        row.save(update_fields=["role", "group"])
        return True
    made = RoleAssignment(environment=environment, user=user, **role._asdict())
    RoleAssignment.objects.bulk_create([made], ignore_conflicts=True)
    return ours.filter(**role._asdict()).exists()


def _note(
    environment: Environment, user: User, before: InheritedRole | None, after: InheritedRole | None, by: User | None
) -> None:
    action = f"{'change' if before and after else 'give' if after else 'remove'} role by group"
    changes = {
        "role": [before and before.role, after and after.role],
        "group": [before and before.group, after and after.group],
    }
    audit.record(environment, action, user, by=by, changes=changes)


def _most_useful(names: set[str]) -> list[str]:
    """Return up to GROUPS_LIMIT of the names, those with a role first."""
    if len(names) <= GROUPS_LIMIT:
        return list(names)
    useful = {group for group, _slug, _role in settings.GROUP_ROLES}
    useful.update(GroupRole.objects.values_list("group", flat=True))
    return sorted(names, key=lambda name: (name not in useful, name))[:GROUPS_LIMIT]


def _higher(one: str, other: str) -> str:
    return one if is_higher(one, other) else other


def one_at_a_time() -> None:
    """Lock groups and their roles until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
