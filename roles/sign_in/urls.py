"""The addresses of the front door. Only these of django-allauth's pages exist, and each says who may call it."""

from allauth.account import views as account
from django.urls import path
from django.views.decorators.http import require_POST

from roles.access import public
from roles.sign_in import views
from roles.sign_in.social_views import callback, leave

urlpatterns = [
    path("login/", public(views.login), name="account_login"),
    path("login/sso/", public(leave), name="openid_connect_login"),
    path("login/sso/callback/", public(callback), name="openid_connect_callback"),
    path("logout/", public(require_POST(account.logout)), name="account_logout"),
]
