"""The pages of the front door that show more than django-allauth's own."""

from typing import Any

from allauth.account import views as account
from django.conf import settings
from django.utils.translation import gettext_lazy

DEMO_LOGINS = (
    {"username": "ada", "role": gettext_lazy("Administrator")},
    {"username": "carl", "role": gettext_lazy("Contributor")},
    {"username": "vera", "role": gettext_lazy("Viewer")},
)
DEMO_PASSWORD = "waybill-demo"  # noqa: S105 - printed on the demo's log-in page


class LoginView(account.LoginView):
    """The log-in page; the demo's says with whom one can log in."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the demo's log-ins where this is a demo."""
        logins = {"demo_logins": DEMO_LOGINS, "demo_password": DEMO_PASSWORD} if settings.DEMO else {}
        return super().get_context_data(**kwargs) | logins


login = LoginView.as_view()
