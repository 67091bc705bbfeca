"""All addresses: sign-in and health, and each app's pages below /e/<environment>/."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from config import bundle  # noqa: F401 - adds its parts to the support bundle
from config.help import help_page
from exports.metrics.views import metrics
from roles import views
from roles.frame.light import light
from roles.people.views.accepting import accept

handler400 = "roles.frame.framed.bad_request"
handler404 = "roles.views.missing"

# One door for everybody: the second factor and the bounds on attempts hold for Django admin, too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

app_pages = [
    path("exports/", include("exports.urls")),
    path("", include("segments.urls")),
    path("connections/", include("connections.urls")),
    path("alerts/", include("exports.alerts.urls")),
    path("permissions/", include("roles.people.urls")),
    path("audit/", include("roles.audit.urls")),
    path("system/", include("exports.refresh.pages.urls")),
]

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("metrics", metrics, name="metrics"),
    path("", include("roles.sign_in.urls")),
    path("invitations/<str:token>/", accept, name="invitation"),
    path("e/<slug:environment>/", views.environment_home, name="environment"),
    path("e/<slug:environment>/help", help_page, name="help"),
    path("e/<slug:environment>/light", light, name="light"),
    path("e/<slug:environment>/", include(app_pages)),
    path("admin/", admin.site.urls),
]
