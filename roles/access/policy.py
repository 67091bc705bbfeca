"""Who may open which page. Every view states it: `@requires(…)`, `@signed_in` or `@public`.

`requires` loads the environment of the URL among those where the user has a role (404 otherwise: a foreign
environment is as good as unknown), then asks for the permission (403 otherwise).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django_htmx.middleware import HtmxDetails

from roles import reader
from roles.access import seeing
from roles.models import Environment, RoleAssignment, User
from roles.permissions import Permission
from roles.roles import PERMISSIONS, Role, roles_with
from roles.ui.locales import listing

View = Callable[..., HttpResponseBase]


class EnvironmentRequest(HttpRequest):
    """A request below /e/<environment>/ that `requires` has let through."""

    user: User
    environment: Environment
    access: "Access"
    htmx: HtmxDetails


@dataclass(frozen=True)
class Access:
    """What one user may do in one environment."""

    user: User
    environment: Environment
    role: str
    is_support: bool = False  # a member of staff who sees it as the role would: no change, no customer data
    environments: tuple[Environment, ...] = ()  # where the user has a role, by name
    # What rooms above looked up for this request, by their own key: asked for once.
    looked_up: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def has_permission(self, permission: Permission) -> bool:
        """Whether the user's role carries `permission`."""
        return permission in PERMISSIONS[self.role]

    @cached_property
    def can(self) -> dict[str, bool]:
        """All permissions by name, for templates: `access.can.edit_data`."""
        return {permission.value: self.has_permission(permission) for permission in Permission}

    def get_role_display(self) -> str:
        """The role's name for people."""
        return str(Role(self.role).label)


def access_of(user: User, slug: str) -> Access:
    """Return what `user` may do in the environment `slug`; Http404 where they have no role."""
    assignments = RoleAssignment.objects.select_related("environment").filter(user=user)
    mine = list(assignments.order_by("environment__name"))
    environments = tuple(assignment.environment for assignment in mine)
    if role := seeing.role_of(user, slug):
        environment = get_object_or_404(Environment, slug=slug)
        return Access(user, environment, role, is_support=True, environments=environments)
    assignment = next((one for one in mine if one.environment.slug == slug), None)
    if assignment is None:
        raise Http404
    return Access(user, assignment.environment, assignment.role, environments=environments)


def enter(request: Any, slug: str) -> Access:
    """Use frame, language and zone of the environment `slug` from here on; Http404 where the user has no role."""
    request.access = access = access_of(request.user, slug)
    request.environment = access.environment
    reader.activate_for(request)
    return access


def administrators(environment: Environment) -> str:
    """Return the names of up to five administrators of the environment, whom a user can ask."""
    able = roles_with(Permission.MANAGE_CONNECTIONS)
    assignments = RoleAssignment.objects.filter(environment=environment, role__in=able, user__is_active=True)
    return listing([str(assignment.user) for assignment in assignments.select_related("user")[:5]], "or")


def requires(permission: Permission, post: Permission | None = None) -> Callable[[View], View]:
    """Only users with `permission` may call the view; `post`, if given, replaces it for unsafe methods."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Any, environment: str, **kwargs: Any) -> HttpResponseBase:
            access = enter(request, environment)  # a refusal is drawn in the frame too
            needed = post if post and request.method not in {"GET", "HEAD", "OPTIONS"} else permission
            if not access.has_permission(needed):
                raise PermissionDenied
            return view(request, **kwargs)

        guarded.access_policy = (permission, post or permission)  # type: ignore[attr-defined]
        return guarded

    return decorate


def signed_in(view: View) -> View:
    """Every signed-in user may call the view."""
    view.access_policy = "signed in"  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Everybody may call the view."""
    view.access_policy = "public"  # type: ignore[attr-defined]
    return view
