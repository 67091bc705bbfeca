"""Addresses of Settings > System, below /e/<environment>/system/."""

from django.urls import path

from exports.views import pausing

app_name = "system"

urlpatterns = [
    path("pause", pausing.pause, name="pause"),
    path("resume", pausing.resume, name="resume"),
]
