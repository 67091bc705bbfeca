"""Addresses of Settings > Connections, below /e/<environment>/connections/."""

from django.urls import path

from connections.listing import views as listing
from connections.removing import views as removing
from connections.set_up import views as set_up
from connections.sharing import views as sharing
from connections.testing import views as testing

app_name = "connections"

urlpatterns = [
    path("", listing.list_page, name="list"),
    path("add", set_up.add, name="add"),
    path("add/<slug:type_>", set_up.set_up, name="set_up"),
    path("types/<slug:type_>", set_up.help_page, name="help"),
    path("discover", listing.discover, name="discover"),
    path("<int:pk>/", set_up.edit, name="edit"),
    path("<int:pk>/share", sharing.share, name="share"),
    path("<int:pk>/remove", removing.remove, name="remove"),
    path("<int:pk>/test", testing.test, name="test"),
]
