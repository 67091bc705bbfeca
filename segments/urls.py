"""Addresses of Data > Tables and Insights > Segments, below /e/<environment>/."""

from django.urls import path

from segments import views

app_name = "segments"

urlpatterns = [
    path("tables/", views.tables, name="tables"),
    path("tables/<int:pk>/", views.table, name="table"),
    path("segments/", views.list_page, name="list"),
    path("segments/add", views.add, name="add"),
    path("segments/<int:pk>/", views.edit, name="edit"),
    path("segments/<int:pk>/row", views.row, name="row"),
    path("segments/<int:pk>/refresh", views.refresh, name="refresh"),
    path("segments/<int:pk>/remove", views.remove, name="remove"),
]
