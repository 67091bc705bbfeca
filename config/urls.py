"""All addresses: the front door, and each app's pages below /e/<environment>/."""

from django.contrib import admin
from django.urls import include, path

from roles import views
from roles.light import light
from roles.people.views.accepting import accept

handler400 = "roles.framed.bad_request"
handler404 = "roles.views.missing"

app_pages = [
    path("exports/", include("exports.urls")),
    path("", include("segments.urls")),
    path("connections/", include("connections.urls")),
    path("permissions/", include("roles.people.urls")),
]

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("", include("roles.sign_in.urls")),
    path("invitations/<str:token>/", accept, name="invitation"),
    path("e/<slug:environment>/", views.environment_home, name="environment"),
    path("e/<slug:environment>/light", light, name="light"),
    path("e/<slug:environment>/", include(app_pages)),
    path("admin/", admin.site.urls),
]
