"""What the log-in page asks."""

from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest

from roles.sign_in.social_provider import provider_of

register = template.Library()


@register.simple_tag(takes_context=True)
def single_sign_on(context: dict[str, Any]) -> dict[str, Any] | None:
    """Return single sign-on's name, and whether it is the only way for all but operators; None where there is none."""
    request: HttpRequest = context["request"]
    provider = provider_of(request)
    return {"name": provider.name, "is_only_way": not settings.LOCAL_LOGIN} if provider else None
