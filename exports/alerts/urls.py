"""The addresses of Settings > Alerts and of the bell, below /e/<environment>/alerts/."""

from django.urls import path

from exports.views import alert_channels, alerts

app_name = "alerts"

urlpatterns = [
    path("", alerts.list_page, name="list"),
    path("latest", alerts.latest, name="latest"),
    path("bell", alerts.bell, name="bell"),
    path("seen", alerts.seen, name="seen"),
    path("channels", alert_channels.list_page, name="channels"),
    path("channels/add", alert_channels.add, name="add"),
    path("channels/add/<str:kind>", alert_channels.set_up, name="set_up"),
    path("channels/<int:pk>", alert_channels.edit, name="edit"),
    path("channels/<int:pk>/switch", alert_channels.switch, name="switch"),
    path("channels/<int:pk>/test", alert_channels.test, name="test"),
    path("channels/<int:pk>/remove", alert_channels.remove, name="remove"),
]
