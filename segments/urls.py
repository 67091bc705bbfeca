"""Addresses of Data > Tables and Insights > Segments, below /e/<environment>/."""

from django.urls import path

from segments import table_views, views

app_name = "segments"

urlpatterns = [
    path("tables/", table_views.tables, name="tables"),
    path("tables/<int:pk>/", table_views.table, name="table"),
    path("tables/<int:pk>/viewers", table_views.choose_shown, name="choose_shown"),
    path("tables/<int:pk>/relate", table_views.relate, name="relate"),
    path("tables/<int:pk>/relationships/<int:relationship>/remove", table_views.unrelate, name="unrelate"),
    path("segments/", views.list_page, name="list"),
    path("segments/add", views.add, name="add"),
    path("segments/<int:pk>/", views.edit, name="edit"),
    path("segments/<int:pk>/row", views.row, name="row"),
    path("segments/<int:pk>/refresh", views.refresh, name="refresh"),
    path("segments/<int:pk>/remove", views.remove, name="remove"),
]
