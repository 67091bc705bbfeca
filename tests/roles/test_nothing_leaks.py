"""What connections hold and what errors say in detail is for administrators; stored secrets are for nobody."""

import logging

import pytest

from connections.models import Connection
from exports.models import Export, Run
from roles.models import AuditEvent
from tests.roles.access_table import FRAGMENTS, OUTSIDE, TABLE
from tests.roles.world import DETAIL, NEVER, PLANTED, SECRET

WITHIN = [name for name in TABLE if name not in OUTSIDE]


def text_of(answer) -> str:
    """Return all that a browser receives: body and headers."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body.decode() + "".join(f"{name}: {value}\n" for name, value in answer.headers.items())


def answers(client, world):
    """Yield what a person gets from every address, as a page and as fragments, asked for and sent to."""
    for name in WITHIN:
        for headers in FRAGMENTS:
            yield name, text_of(client.get(world.mine.url(name), world.mine.asked(name), headers=headers))
    for name in WITHIN:
        yield (
            name,
            text_of(client.post(world.mine.url(name), {"draft": "1", "action": "count", "id": world.mine.export.pk})),
        )


@pytest.mark.long
@pytest.mark.parametrize("person", ["viewer", "contributor", "unshared"])
@pytest.mark.parametrize(
    "state", ["retrying", *(pytest.param(state, marks=pytest.mark.long) for state in ("failed", "running"))]
)
def test_nobody_but_administrators_sees_where_a_connection_leads_or_the_detail_of_an_error(world, person, state):
    owner = {"token": "00000000-0000-0000-0000-000000000001", "lease_until": "2099-01-01T00:00:00Z"}
    Run.objects.update(state=state, **(owner if state == "running" else {}))
    if person == "unshared":
        world.unshare()
    for name, text in answers(world.client(person), world):
        assert NEVER.findall(text) == [], name


def test_the_message_is_for_everybody_and_the_detail_for_administrators(world):
    url = world.mine.url("exports:progress")
    for person in ("viewer", "contributor", "administrator"):
        text = world.client(person).get(url).content.decode()
        assert "The server did not answer." in text
        assert (DETAIL in text) == (person == "administrator")


@pytest.mark.long
def test_administrators_see_settings_and_never_the_secret(world):
    connection = Connection.objects.get(pk=world.mine.connection.pk)
    client = world.client("administrator")
    seen = ""
    for kind in ("edit", "test", "remove"):
        seen += text_of(client.get(world.mine.url(f"connections:{kind}", pk=connection.pk)))
    for _name, text in answers(client, world):
        seen += text
    assert PLANTED["host"] in seen
    assert SECRET not in seen
    assert connection.encrypted_secrets not in seen


def test_a_secret_that_is_typed_is_neither_shown_again_nor_logged_nor_audited(world, caplog):
    body = {"name": "", "sharing": "nobody", "settings-host": "127.0.0.1", "settings-port": "1",
            "settings-username": "u", "settings-password": "typed-planted"}  # fmt: skip
    with caplog.at_level(logging.DEBUG):
        answer = world.client("administrator").post(world.mine.url("connections:set_up", type_="sftp"), body)
    assert answer.status_code == 422
    assert "typed-planted" not in text_of(answer)
    assert "typed-planted" not in caplog.text
    assert "typed-planted" not in str(list(AuditEvent.objects.values()))


def test_what_is_sent_to_the_list_holds_no_customer_and_the_preview_is_masked(world):
    client = world.client("viewer")
    for name in (
        "exports:list",
        "exports:edit",
        "exports:progress",
        "segments:list",
        "segments:edit",
        "segments:table",
    ):
        text = client.get(world.mine.url(name)).content.decode()
        for value in ("ada@example.com", "Lovelace", "chloe@example.com"):
            assert value not in text, name


@pytest.mark.long
def test_every_answer_below_an_environment_is_for_its_reader_alone(world):
    """No cache keeps a page of one person for another, nor a fragment as the page."""
    client = world.client("administrator")
    for name in WITHIN:
        answer = client.get(world.mine.url(name), world.mine.asked(name))
        assert "no-store" in answer.headers["Cache-Control"], name
        assert {"HX-Request", "HX-Target"} <= {word.strip() for word in answer.headers["Vary"].split(",")}, name
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"], name
        assert "unsafe" not in answer.headers["Content-Security-Policy"], name


def test_what_is_planted_is_really_there(world):
    """Without this the tests above could pass on an empty page."""
    assert Export.objects.get(pk=world.mine.export.pk).connection.settings == PLANTED
    assert world.mine.run.detail == DETAIL
    assert Connection.objects.get(pk=world.mine.connection.pk).secrets == {"password": SECRET}
