"""Names of connections can be seen, folders and accounts are single lines."""

import pytest
from django.urls import reverse

from connections.models import Connection


def add(as_ada, environment, type_, **changes):
    form = {"name": "Partner", "sharing": "nobody", "agree": "on", "settings-folder": "calls"}
    form |= {"settings-host": "127.0.0.1", "settings-port": "1", "settings-username": "x", "settings-password": "x"}
    return as_ada.post(reverse("connections:set_up", args=[environment.slug, type_]), form | changes)


@pytest.mark.parametrize("name", ["\u202e", "a\u200bb", "a\ab", "\u2800"])
def test_a_name_that_cannot_be_seen_is_refused(environment, as_ada, name):
    answer = add(as_ada, environment, "local", name=name)
    assert answer.status_code == 422
    assert answer.context_data["form"].errors["name"]
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("type_", "field"), [("local", "settings-folder"), ("sftp", "settings-folder"), ("sftp", "settings-username")]
)
def test_a_line_break_in_a_folder_or_account_is_refused(environment, as_ada, type_, field):
    answer = add(as_ada, environment, type_, **{field: "calls\nmore"})
    assert answer.status_code == 422
    assert "Character 6 is invisible (U+000A)." in answer.content.decode()
    assert not Connection.objects.exists()
