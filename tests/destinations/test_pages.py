"""What the pages make of each type's declaration."""

import pytest
from django.urls import reverse

from connections.destinations import registry
from tests.exports.pages import text_of
from tests.factories import make_connection

SLUGS = list(registry.destinations())


@pytest.mark.parametrize("slug", SLUGS)
def test_each_type_has_a_tile_a_help_page_and_a_form(slug, environment, as_ada, settings, tmp_path):
    settings.LOCAL_FOLDER_BASE = str(tmp_path)
    type_ = registry.destination(slug)
    assert f'id="type-{slug}"' in text_of(as_ada.get(reverse("connections:discover", args=[environment.slug])))
    help_page = text_of(as_ada.get(reverse("connections:help", args=[environment.slug, slug])))
    assert all(str(step) in help_page for step in type_.check_steps)
    form = text_of(as_ada.get(reverse("connections:set_up", args=[environment.slug, slug])))
    labels = [bound.label for _heading, fields in type_.settings_form().sections() for bound in fields]
    assert labels
    assert [label for label in labels if str(label) not in form] == []


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if registry.destination(slug).secret_fields])
def test_its_secrets_are_sealed_and_masked(slug, environment, as_ada):
    type_ = registry.destination(slug)
    secrets = {name: f"secret {name} 4711" for name in type_.secret_fields}
    connection = make_connection(environment, type=slug, settings={"host": "h.example", "port": 22, "username": "u"})
    connection.set_secrets(secrets)
    connection.save()
    assert connection.open().secrets == secrets
    page = text_of(as_ada.get(reverse("connections:edit", args=[environment.slug, connection.pk])))
    for secret in secrets.values():
        assert secret not in connection.encrypted_secrets
        assert secret not in page
