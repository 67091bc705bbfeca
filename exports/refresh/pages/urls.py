"""Addresses of Settings > System, below /e/<environment>/system/."""

from django.urls import path

from exports.refresh.pages.views import pausing, refreshes, schedule, status

app_name = "system"

urlpatterns = [
    path("", status.status, name="list"),
    path("changes", status.changes, name="changes"),
    path("refresh-all", refreshes.refresh_all, name="refresh_all"),
    path("cancel", refreshes.cancel, name="stop"),
    path("schedule", schedule.schedule, name="schedule"),
    path("schedule/next", schedule.next_refreshes, name="next"),
    path("zone", schedule.zone, name="zone"),
    path("history", refreshes.history, name="history"),
    path("history/<uuid:uuid>/", refreshes.one, name="past"),
    path("ask-pause", schedule.ask_pause, name="ask_pause"),
    path("pause", pausing.pause, name="pause"),
    path("resume", pausing.resume, name="resume"),
    path("<slug:kind>/<int:pk>/", status.item, name="item"),
]
