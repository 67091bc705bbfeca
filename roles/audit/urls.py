"""The addresses of Settings > Audit."""

from django.urls import path

from roles.audit.pages import views

app_name = "audit"

urlpatterns = [
    path("", views.list_page, name="list"),
    path("download", views.download, name="download"),
]
