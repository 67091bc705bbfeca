"""Addresses of the Exports page and its panels, below /e/<environment>/exports/."""

from django.urls import path

from exports import views

app_name = "exports"

urlpatterns = [
    path("", views.list_page, name="list"),
    path("add", views.add, name="add"),
    path("run", views.run, name="run"),
    path("run-all", views.run_all, name="run_all"),
    path("detach", views.detach, name="detach"),
    path("remove", views.remove, name="remove"),
    path("<int:pk>/duplicate", views.duplicate, name="duplicate"),
    path("<int:pk>/", views.edit, name="edit"),
    path("<int:pk>/row", views.row, name="row"),
    path("<int:pk>/progress", views.progress, name="progress"),
    path("<int:pk>/cancel", views.cancel, name="cancel"),
]
