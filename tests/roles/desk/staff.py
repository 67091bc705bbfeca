"""The support desk as tests use it: a member of staff, a superuser, and the addresses of every page."""

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.urls import reverse

from roles.models import User


def make_staff(**values):
    """Return a member of the support staff, who has no rights in Django's own sense."""
    return User.objects.create_user(values.pop("username", "sue"), password="sue", is_staff=True, **values)


def page_of(model, pk=None, **query):
    """Return the address of a model's list, or of one object."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_"
    return reverse(f"{name}change", args=[quote(pk)]) if pk else reverse(f"{name}changelist", query=query or None)


def pages():
    """Yield the address of every list and of every object."""
    for model in admin.site._registry:
        yield page_of(model)
        for pk in model._default_manager.values_list("pk", flat=True):
            yield page_of(model, pk)


def act(client, model, action, *objects):
    """Do an action of a list to objects, as its form does, and return the page that follows."""
    body = {"action": action, "_selected_action": [one.pk for one in objects]}
    return client.post(page_of(model), body, follow=True)
