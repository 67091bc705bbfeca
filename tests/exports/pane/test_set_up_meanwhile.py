"""What an export uses is removed, or its name taken, in the moment between the look at it and the save."""

import re
import threading
from contextlib import contextmanager

import pytest
from django.db import connection as database

from connections.models import Connection
from exports.models import Export
from segments.models import Segment
from tests.exports.pane.browser import PANEL, Pane, boxes, text_of
from tests.factories import make_connection, make_export, make_segment

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING = "Not saved"
FIRST_OF_SAVE = re.compile(r'(^INSERT INTO|^UPDATE) "exports_export"|"connections_connection".* FOR UPDATE')


@contextmanager
def just_before_the_save(act):
    """Let somebody else `act`, in a transaction of their own, when everything is checked and nothing is locked yet."""
    waiting = [act]

    def work():
        waiting.pop()()
        database.close()

    def meet(execute, sql, params, many, context):
        if waiting and isinstance(sql, str) and FIRST_OF_SAVE.search(sql):
            other = threading.Thread(target=work)
            other.start()
            other.join()
        return execute(sql, params, many, context)

    with database.execute_wrapper(meet):
        yield
    assert not waiting


@pytest.fixture
def pane():
    return Pane()


def remove(pane):
    return lambda: Connection.objects.filter(pk=pane.connection.pk).delete()


@pytest.mark.parametrize("headers", [PANEL, {}], ids=["panel", "page"])
def test_a_connection_removed_meanwhile_is_said_and_nothing_typed_is_lost(pane, headers):
    make_connection(pane.environment, "Other")
    with just_before_the_save(remove(pane)):
        answer = pane.send(headers=headers, name="Typed")
    assert answer.status_code == 422
    assert NOTHING in text_of(answer)
    assert "You cannot use that connection. Choose one from the list." in text_of(answer)
    assert 'value="Typed"' in text_of(answer)
    assert not Export.objects.exists()


def test_an_export_that_is_edited_stays_as_it_was(pane):
    export = make_export(pane.environment, "Weekly", make_connection(pane.environment, "Other"), [pane.segment])
    with just_before_the_save(remove(pane)):
        answer = pane.send("edit", pk=export.pk, name="Renamed")
    assert answer.status_code == 422
    assert NOTHING in text_of(answer)
    export.refresh_from_db()
    assert (export.name, export.connection.name) == ("Weekly", "Other")


def test_a_duplicate_can_be_saved_on_another_connection_then(pane):
    source = make_export(pane.environment, "Weekly", pane.connection, [pane.segment])
    other = make_connection(pane.environment, "Other")
    chosen = make_connection(pane.environment, "Chosen")
    with just_before_the_save(lambda: Connection.objects.filter(pk=chosen.pk).delete()):
        answer = pane.send("duplicate", pk=source.pk, name="Copy", connection=chosen.pk)
    assert answer.status_code == 422
    assert pane.send("duplicate", pk=source.pk, name="Copy", connection=other.pk).status_code == 302
    assert Export.objects.get(name="Copy").connection == other


def test_a_name_taken_meanwhile_is_said_at_the_name(pane):
    with just_before_the_save(lambda: make_export(pane.environment, "Weekly", pane.connection)):
        answer = pane.send(name="weekly")
    assert answer.status_code == 422
    assert "Another export has this name. Choose a different one." in text_of(answer)
    assert Export.objects.count() == 1


def test_a_segment_removed_meanwhile_is_no_longer_chosen(pane):
    gone = make_segment(pane.table, "Gone")
    with just_before_the_save(lambda: Segment.objects.filter(pk=gone.pk).delete()):
        answer = pane.send(segments=[pane.segment.pk, gone.pk])
    assert answer.status_code == 422
    assert NOTHING in text_of(answer)
    assert boxes(answer, "segments") == {pane.segment.pk: "checked"}
