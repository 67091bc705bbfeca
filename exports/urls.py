"""Addresses of the Exports page and its panels, below /e/<environment>/exports/."""

from django.urls import path

from exports.downloads import views as files
from exports.guide import views as guide
from exports.history import views as history
from exports.listing import commands
from exports.listing import views as listing
from exports.pane import views as pane
from exports.progress.views import deciding, details
from exports.schedules import views as schedule

app_name = "exports"

urlpatterns = [
    path("", listing.list_page, name="list"),
    path("changes", listing.changes, name="changes"),
    path("history", history.history, name="history"),
    path("history/download", history.download, name="history_download"),
    path("add", pane.add, name="add"),
    path("run", commands.run, name="run"),
    path("run-all", commands.run_all, name="run_all"),
    path("schedule", schedule.schedule, name="schedule"),
    path("schedule/next", schedule.next_runs_of, name="next_runs"),
    path("detach", commands.detach, name="detach"),
    path("remove", commands.remove, name="remove"),
    path("on/<int:pk>/detach", guide.guide_detach, name="guide_detach"),
    path("on/<int:pk>/remove", guide.guide_remove, name="guide_remove"),
    path("on/<int:pk>/cancel", guide.guide_cancel, name="guide_cancel"),
    path("<int:pk>/duplicate", pane.duplicate, name="duplicate"),
    path("<int:pk>/", pane.edit, name="edit"),
    path("<int:pk>/history", history.history_of, name="history_of"),
    path("<int:pk>/progress", details.progress, name="progress"),
    path("<int:pk>/runs/<uuid:uuid>/", details.run_progress, name="run_progress"),
    path("<int:pk>/runs/<uuid:uuid>/files/<int:index>", files.file, name="file"),
    path("<int:pk>/decide", deciding.decide, name="decide"),
    path("<int:pk>/runs/<uuid:uuid>/let-go", deciding.release, name="let_go"),
    path("<int:pk>/runs/<uuid:uuid>/drop", deciding.drop, name="drop"),
    path("<int:pk>/cancel", details.cancel, name="cancel"),
    path("<int:pk>/test", details.test, name="test"),
]
