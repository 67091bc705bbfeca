"""Django admin for support staff: people, environments and what they did. Staff read, and never see a secret."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from roles.audit import audit
from roles.desk import accounts
from roles.desk.read_only import ReadOnlyAdmin, ReadOnlyInline
from roles.edits.edit import About, Edit
from roles.edits.parts import parts_of
from roles.models import (
    AuditEvent,
    Environment,
    GroupMembership,
    GroupRole,
    Heartbeat,
    Invitation,
    KeyInUse,
    RoleAssignment,
    StrangeMachine,
    Tries,
    User,
)
from roles.roles import Role
from roles.typed import typed_id

NAMES = ["username", "first_name", "last_name", "email"]
RIGHTS = ["is_active", "is_staff", "is_superuser"]


class RoleInline(ReadOnlyInline):
    """Who has which role; the Permissions page changes it, which knows its rules."""

    model = RoleAssignment
    fields = ["environment", "user", "role", "group"]


@admin.register(User)
class WaybillUserAdmin(ReadOnlyAdmin, UserAdmin):
    """People who sign in. Superusers add and change them, which the first accounts need; other staff only read."""

    list_display = ["username", "first_name", "last_name", "email", *RIGHTS, "last_login"]
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ["=id", *NAMES]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]
    inlines = [RoleInline]
    actions = ["end_sessions", "deactivate", "activate"]
    change_form_template = "support/account.html"

    def changeform_view(
        self,
        request: Any,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show or save an account, whose row is locked meanwhile; others' changes stand (roles.edits)."""
        if object_id is None or not self.has_change_permission(request):
            return super().changeform_view(request, object_id, form_url, extra_context)
        with transaction.atomic():
            user = User.objects.select_for_update(no_key=True).filter(pk=typed_id(object_id)).first()
            if user is None:
                return super().changeform_view(request, object_id, form_url, extra_context)
            form = super().get_form(request, user, change=True)(instance=user)
            names = [*NAMES, *RIGHTS]
            post = request.POST if request.method == "POST" else None
            mine = parts_of(form, post, names=names) if post is not None else {}
            edit = Edit(About("account", user), parts_of(form, names=names), post, mine)
            if post is not None:
                request.POST, request.edit = edit.data, edit
            more = (extra_context or {}) | {"edit": edit}
            answer = super().changeform_view(request, object_id, form_url or request.path, more)
            if edit.conflicts:
                answer.status_code = 422
            return answer

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Refuse the form while there is something to decide."""
        form = super().get_form(request, obj, change=change, **kwargs)
        edit = getattr(request, "edit", None)
        if edit is None or edit.is_settled:
            return form
        title = edit.title

        class Undecided(form):  # type: ignore[misc, valid-type]
            def clean(self) -> Any:
                self.add_error(None, title)
                return super().clean()

        return Undecided

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers make the first accounts; later ones come by invitation."""
        return self.has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superusers alone."""
        return request.user.is_active and request.user.is_superuser

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show no password, not even its hash, to those who only read."""
        if obj is None:
            return super().get_fieldsets(request, obj)
        password = ["password"] if self.has_change_permission(request, obj) else []
        return [(None, {"fields": [*NAMES, *password, *RIGHTS, "last_login", "date_joined"]})]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """A new account has no roles yet."""
        return self.inlines if obj else []

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        """Save, and record the changes in the audit log; the view holds the transaction."""
        super().save_model(request, obj, form, change)
        changed = [name for name in form.changed_data if name in (*NAMES, *RIGHTS)]
        values = {name: [form.initial.get(name), form.cleaned_data[name]] for name in changed}
        audit.record(None, "change account" if change else "create account", obj, by=request.user, changes=values)

    def user_change_password(self, request: Any, id: str, form_url: str = "") -> HttpResponse:
        """Set a password and record that; Django ends the person's sessions."""
        with transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            if request.method == "POST" and response.status_code == 302:
                audit.record(None, "change password", User.objects.get(pk=id), by=request.user)
        return response

    @admin.action(description=gettext_lazy("End their sessions"), permissions=["view"])
    def end_sessions(self, request: Any, queryset: QuerySet[User]) -> None:
        """Sign people out everywhere."""
        count = sum(accounts.end_sessions(user, by=request.user) for user in queryset)
        self.message_user(request, ngettext("%(n)d session ended.", "%(n)d sessions ended.", count) % {"n": count})

    @admin.action(description=gettext_lazy("Switch off: end sessions, block login"), permissions=["view"])
    def deactivate(self, request: Any, queryset: QuerySet[User]) -> None:
        """Keep people out."""
        self._switch(request, queryset, on=False)

    @admin.action(description=gettext_lazy("Switch on: allow login"), permissions=["view"])
    def activate(self, request: Any, queryset: QuerySet[User]) -> None:
        """Let people in again."""
        self._switch(request, queryset, on=True)

    def _switch(self, request: Any, queryset: QuerySet[User], *, on: bool) -> None:
        for user in queryset:
            try:
                accounts.switch(user, on=on, by=request.user)
            except accounts.NotForYouError as error:
                self.message_user(request, str(error), messages.WARNING)
            else:
                text = _("“%(name)s” can log in.") if on else _("“%(name)s” can no longer log in.")
                self.message_user(request, text % {"name": user})


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin):
    """Environments and the people in them; leads to seeing one as a role."""

    list_display = ["name", "slug", "audience", "warehouse_schema", "created_at"]
    list_filter = ["audience"]
    search_fields = ["=id", "name", "slug"]
    fields = [
        "name", "slug", "audience", "warehouse_schema", "time_zone", "language", "paused_at", "paused_by",
        "pause_note", "created_at",
    ]  # fmt: skip
    inlines = [RoleInline]
    change_form_template = "support/environment.html"

    def render_change_form(self, request: Any, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        """Offer the roles with which the environment can be seen."""
        return super().render_change_form(request, context | {"roles": Role.choices}, *args, **kwargs)


@admin.register(RoleAssignment)
class RoleAssignmentAdmin(ReadOnlyAdmin):
    """Who has which role where."""

    list_display = fields = ("user", "environment", "role", "group")
    list_filter = ["environment", "role"]
    list_select_related = ["user", "environment"]
    search_fields = ["=id", "user__username", "user__email", "environment__name", "group"]


@admin.register(GroupRole)
class GroupRoleAdmin(ReadOnlyAdmin):
    """The roles that groups of the single sign-on carry."""

    list_display = fields = ("group", "environment", "role")
    list_filter = ["environment", "role"]
    list_select_related = ["environment"]
    search_fields = ["=id", "group"]


@admin.register(GroupMembership)
class GroupMembershipAdmin(ReadOnlyAdmin):
    """The groups that the single sign-on named."""

    list_display = fields = ("user", "group")
    list_select_related = ["user"]
    search_fields = ["=id", "user__username", "group"]


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations; not even the hash of a link's token is shown."""

    list_display = ("email", "environment", "role", "invited_by", "expires_at", "accepted_at")
    fields = (*list_display, "accepted_by", "created_at")
    list_filter = ["environment", "role"]
    list_select_related = ["environment", "invited_by"]
    search_fields = ["=id", "email"]


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """What was done, by whom."""

    list_display = ("at", "environment_name", "actor_name", "action", "object_type", "object_name")
    fields = (*list_display, "object_id", "run", "changes", "actor", "through", "origin", "request_id")
    list_filter = ["environment", "action", "object_type"]
    search_fields = ["=id", "=object_id", "object_name", "actor_name", "action", "=run"]
    show_full_result_count = False


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    """Which processes work in the background."""

    list_display = fields = ("kind", "host", "pid", "started_at", "seen_at")
    list_filter = ["kind"]
    search_fields = ["=id", "host", "=pid"]


@admin.register(KeyInUse)
class KeyInUseAdmin(ReadOnlyAdmin):
    """Fingerprints of the keys that all machines need."""

    list_display = fields = ("kind", "fingerprint", "added_at")
    list_filter = ["kind"]
    search_fields = ["fingerprint"]


@admin.register(StrangeMachine)
class StrangeMachineAdmin(ReadOnlyAdmin):
    """Machines that came with other keys."""

    list_display = fields = ("host", "place", "seen_at")
    search_fields = ["host", "place"]


@admin.register(Tries)
class TriesAdmin(ReadOnlyAdmin):
    """Who must wait after wrong passwords and codes; names that belong to nobody are not shown."""

    list_display = fields = ("key", "number", "free_at", "forgotten_at")
    search_fields = ["key"]


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    """The addresses that sign in."""

    list_display = fields = ("email", "user", "verified", "primary")
    list_select_related = ["user"]
    search_fields = ["=id", "email", "user__username"]


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Who has a second factor; its secret is not shown."""

    list_display = fields = ("user", "type", "created_at", "last_used_at")
    list_filter = ["type"]
    list_select_related = ["user"]
    search_fields = ["=id", "user__username", "user__email"]


@admin.register(SocialAccount)
class SocialAccountAdmin(ReadOnlyAdmin):
    """Who signs in through which provider; what the provider said about them is not shown."""

    list_display = fields = ("user", "provider", "uid", "last_login", "date_joined")
    list_filter = ["provider"]
    list_select_related = ["user"]
    search_fields = ["=id", "user__username", "uid"]


@admin.register(UserSession)
class UserSessionAdmin(ReadOnlyAdmin):
    """Who is signed in where; without the session key, which is as good as a password."""

    list_display = fields = ("user", "ip", "user_agent", "created_at", "last_seen_at")
    list_select_related = ["user"]
    search_fields = ["=id", "user__username", "user__email", "ip"]
