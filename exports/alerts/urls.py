"""The addresses of Settings > Alerts and of the bell, below /e/<environment>/alerts/."""

from django.urls import path

from exports.alerts.pages.views import alerts, channels

app_name = "alerts"

urlpatterns = [
    path("", alerts.list_page, name="list"),
    path("latest", alerts.latest, name="latest"),
    path("bell", alerts.bell, name="bell"),
    path("seen", alerts.seen, name="seen"),
    path("channels", channels.list_page, name="channels"),
    path("channels/add", channels.add, name="add"),
    path("channels/add/<str:kind>", channels.set_up, name="set_up"),
    path("channels/<int:pk>", channels.edit, name="edit"),
    path("channels/<int:pk>/switch", channels.switch, name="switch"),
    path("channels/<int:pk>/test", channels.test, name="test"),
    path("channels/<int:pk>/remove", channels.remove, name="remove"),
]
