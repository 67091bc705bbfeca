"""What Waybill decides differently from django-allauth about accounts from elsewhere."""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.http import HttpRequest

from roles.sign_in.social_provider import ID, Provider


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """The provider is described by the environment alone; who gets in is settled in social_accounts."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """Return the one provider of the settings; what lies in the database does not count."""
        apps = settings.SOCIALACCOUNT_PROVIDERS.get(ID, {}).get("APPS", [])
        return [SocialApp(provider=ID, **app) for app in apps]

    def get_provider(self, request: HttpRequest, provider: Any, client_id: Any = None) -> Provider:
        """Return our own kind of provider, whichever of its names is asked for."""
        return Provider(request, app=self.get_app(request, provider=ID))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Accounts are made before the log-in (social_accounts), never by a form."""
        return False

    def on_authentication_error(self, request: HttpRequest, provider: Any, *args: Any, **kwargs: Any) -> None:
        """Show our page."""
        from roles.sign_in.social_errors import SignInRefusedError
        from roles.sign_in.social_views import refused

        raise ImmediateHttpResponse(refused(request, SignInRefusedError()))
