"""Addresses of Settings > Connections, below /e/<environment>/connections/."""

from django.urls import path

from connections import views

app_name = "connections"

urlpatterns = [
    path("", views.list_page, name="list"),
    path("add", views.add, name="add"),
    path("add/<slug:type_>", views.set_up, name="set_up"),
    path("types/<slug:type_>", views.help_page, name="help"),
    path("<int:pk>/", views.edit, name="edit"),
    path("<int:pk>/remove", views.remove, name="remove"),
    path("<int:pk>/test", views.test, name="test"),
]
