"""Addresses of Settings > System, below /e/<environment>/system/."""

from django.urls import path

from exports.views import pausing, system, system_refresh, system_schedule

app_name = "system"

urlpatterns = [
    path("", system.status, name="list"),
    path("changes", system.changes, name="changes"),
    path("refresh-all", system_refresh.refresh_all, name="refresh_all"),
    path("cancel", system_refresh.cancel, name="stop"),
    path("schedule", system_schedule.schedule, name="schedule"),
    path("schedule/next", system_schedule.next_refreshes, name="next"),
    path("zone", system_schedule.zone, name="zone"),
    path("history", system_refresh.history, name="history"),
    path("history/<uuid:uuid>/", system_refresh.one, name="past"),
    path("ask-pause", system_schedule.ask_pause, name="ask_pause"),
    path("pause", pausing.pause, name="pause"),
    path("resume", pausing.resume, name="resume"),
    path("<slug:kind>/<int:pk>/", system.item, name="item"),
]
