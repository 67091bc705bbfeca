"""The admin site: only pages made for support, and the actions of support that belong to no model."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.translation import gettext_lazy as _

from roles.desk import views
from roles.desk.read_only import ReadOnlyAdmin


class SupportSite(AdminSite):
    """Deny by default: pages of other packages are not registered, whatever they show."""

    site_header = site_title = _("Waybill support")
    index_title = _("Support desk")
    index_template = "support/index.html"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take `admin_class` if it is one of ours."""
        if admin_class is not None and issubclass(admin_class, ReadOnlyAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """The pages of the models, and ours."""
        return [
            path("support-bundle/", self.admin_view(views.bundle), name="support_bundle"),
            path("see-as/<int:pk>/", self.admin_view(views.see_as), name="see_as"),
            path("see-as/stop/", self.admin_view(views.stop_seeing), name="stop_seeing"),
            *super().get_urls(),
        ]

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Lead to the portal, where everybody changes their password."""
        return HttpResponseRedirect(reverse("account_change_password"))
