"""An environment with an administrator, and what the tests of people do there."""

from dataclasses import dataclass

from django.test import Client
from django.urls import reverse

from roles.models import Environment, RoleAssignment, User
from roles.roles import Role
from tests.factories import client_of, make_environment, make_member


@dataclass
class Place:
    """An environment, Ada who administers it, and her browser."""

    environment: Environment
    ada: User
    browser: Client

    def url(self, name, **kwargs):
        return reverse(f"people:{name}", kwargs={"environment": self.environment.slug, **kwargs})

    def member(self, username, role=Role.VIEWER):
        return make_member(self.environment, role, username)

    def post(self, name, data=None, *, browser=None, htmx=True, **kwargs):
        headers = {"HX-Request": "true", "HX-Target": "panel"} if htmx else {}
        return (browser or self.browser).post(self.url(name, **kwargs), data or {}, headers=headers)

    def role_of(self, user):
        return (
            RoleAssignment.objects.filter(environment=self.environment, user=user).values_list("role", "group").first()
        )


def make_place():
    environment = make_environment(name="Contoso")
    ada = make_member(environment, Role.ADMINISTRATOR, "ada")
    return Place(environment, ada, client_of(ada))


def text_of(response):
    return " ".join(response.content.decode().split())
