"""A stored secret is kept or replaced, never sent back; a replacement can be taken back, without scripts too."""

import pytest

from connections.models import Connection
from roles.models import AuditEvent
from tests.connections.destinations.sftp.test_sftp_form import PASSWORD, form_for, hidden, set_up, url


@pytest.fixture
def saved(environment, as_ada, demo_sftp) -> Connection:
    return set_up(as_ada, environment, demo_sftp, password=PASSWORD)


def edit(client, saved, server, **changes):
    return client.post(url(saved.environment, "edit", pk=saved.pk), form_for(server, agree="", **changes))


def chosen(page, what: str) -> bool:
    """Whether the page says of the password that it is to `what`."""
    return f'value="{what}" id="id_settings-password_{what}" checked' in page.content.decode()


def test_the_pane_says_since_when_a_secret_is_kept(environment, as_ada, saved):
    page = as_ada.get(url(environment, "edit", pk=saved.pk))
    assert "Stored since <time" in page.content.decode()
    assert chosen(page, "keep")
    assert 'name="settings-private_key-is"' not in page.content.decode(), "there is none to keep"
    Connection.objects.update(secrets_at=None)
    assert "Keep the stored one" in as_ada.get(url(environment, "edit", pk=saved.pk)).content.decode()


def test_what_was_typed_is_dropped_when_the_stored_one_is_kept_after_all(as_ada, saved, demo_sftp):
    typed = {"settings-password": "typed by mistake", "settings-password-is": "keep"}
    assert edit(as_ada, saved, demo_sftp, **typed).status_code == 302
    saved.refresh_from_db()
    assert saved.secrets == {"password": PASSWORD}
    assert AuditEvent.objects.filter(action="change").count() == 0


def test_a_replacement_that_came_back_with_an_error_can_be_taken_back(as_ada, saved, demo_sftp):
    typed = {"settings-password": "the new one", "settings-password-is": "replace"}
    page = edit(as_ada, saved, demo_sftp, name="", **typed)
    assert page.status_code == 422
    assert chosen(page, "replace")
    assert "the new one" not in page.content.decode()
    sealed = hidden(page.content.decode(), "sealed")
    kept = {"sealed": sealed, "settings-password-is": "keep"}
    assert edit(as_ada, saved, demo_sftp, **kept).status_code == 302
    saved.refresh_from_db()
    assert saved.secrets == {"password": PASSWORD}
    replaced = {"sealed": sealed, "settings-password-is": "replace"}
    assert edit(as_ada, saved, demo_sftp, **replaced).status_code == 302
    saved.refresh_from_db()
    assert saved.secrets == {"password": "the new one"}


def test_replacing_a_secret_alone_asks_for_no_agreement_and_notes_when(as_ada, saved, demo_sftp):
    before = saved.secrets_at
    assert edit(as_ada, saved, demo_sftp, **{"settings-password": "another"}).status_code == 302
    saved.refresh_from_db()
    assert saved.secrets == {"password": "another"}
    assert saved.secrets_at > before
    at = saved.secrets_at
    assert edit(as_ada, saved, demo_sftp, name="New name").status_code == 302
    saved.refresh_from_db()
    assert saved.secrets_at == at


def test_replacing_with_nothing_keeps_what_is_stored(as_ada, saved, demo_sftp):
    assert edit(as_ada, saved, demo_sftp, **{"settings-password-is": "replace"}).status_code == 302
    saved.refresh_from_db()
    assert saved.secrets == {"password": PASSWORD}
