"""Addresses for signing in. Only these of django-allauth's pages exist, each with its access policy."""

from allauth.account import views as allauth_account
from allauth.mfa.recovery_codes import views as recovery
from django.urls import path, re_path
from django.views.decorators.http import require_POST, require_safe

from roles.access.policy import public, signed_in
from roles.sign_in import account, views
from roles.sign_in.social_views import callback, leave

urlpatterns = [
    path("login/", public(views.login), name="account_login"),
    path("login/code/", public(account.authenticate), name="mfa_authenticate"),
    path("login/inactive/", public(require_safe(views.inactive)), name="account_inactive"),
    path("login/sso/", public(leave), name="openid_connect_login"),
    path("login/sso/callback/", public(callback), name="openid_connect_callback"),
    path("logout/", public(require_POST(allauth_account.logout)), name="account_logout"),
    path("password/reset/", public(views.reset_password), name="account_reset_password"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$",  # a key has hyphens of its own
        public(views.set_password),
        name="account_reset_password_from_key",
    ),
    path("account/", account.show, name="account"),
    path("account/reading/", account.choose_reading, name="account_reading"),
    path("account/confirm/", signed_in(views.reauthenticate), name="account_reauthenticate"),
    path("account/confirm/code/", signed_in(views.reauthenticate_by_code), name="mfa_reauthenticate"),
    path("account/password/", signed_in(account.change_password), name="account_change_password"),
    path("account/factor/", signed_in(account.activate_factor), name="mfa_activate_totp"),
    path("account/factor/remove/", signed_in(account.deactivate_factor), name="mfa_deactivate_totp"),
    path("account/factor/codes/", signed_in(account.recovery_codes), name="mfa_view_recovery_codes"),
    path("account/factor/codes/new/", signed_in(recovery.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("account/sessions/<int:pk>/end/", account.end_session, name="account_end_session"),
    path("account/sessions/end/", account.end_other_sessions, name="account_end_other_sessions"),
]
