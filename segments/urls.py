"""Addresses of Data > Tables and Insights > Segments, below /e/<environment>/."""

from django.urls import path

from segments.pages import segment_views, table_views

app_name = "segments"

urlpatterns = [
    path("tables/", table_views.tables, name="tables"),
    path("tables/<int:pk>/", table_views.table, name="table"),
    path("tables/<int:pk>/viewers", table_views.choose_shown, name="choose_shown"),
    path("tables/<int:pk>/relate", table_views.relate, name="relate"),
    path("tables/<int:pk>/relationships/<int:relationship>/remove", table_views.unrelate, name="unrelate"),
    path("segments/", segment_views.list_page, name="list"),
    path("segments/add", segment_views.add, name="add"),
    path("segments/<int:pk>/", segment_views.edit, name="edit"),
    path("segments/<int:pk>/row", segment_views.row, name="row"),
    path("segments/<int:pk>/refresh", segment_views.refresh, name="refresh"),
    path("segments/<int:pk>/remove", segment_views.remove, name="remove"),
]
