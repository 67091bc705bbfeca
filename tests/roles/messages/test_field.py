"""Messages in the database: rows of versions that stored sentences go on saying theirs, wherever they are asked."""

import pytest
from django.core import serializers
from django.db import connection
from django.db.models import F
from django.utils.translation import override

from roles.audit import audit
from roles.audit.changes import changes_as_json, changes_of, value_of
from roles.messages import EMPTY, Message, personal, said, verbatim
from roles.messages.field import in_json, out_of_json, told
from roles.models import AuditEvent
from segments.models import Segment
from tests.factories import make_environment, make_segment, make_table

pytestmark = pytest.mark.django_db
GONE = said("“%(name)s” is gone") % {"name": "100 % ünï"}


@pytest.fixture
def segment():
    return make_segment(make_table(make_environment()), "Beers")


def kept_by_an_older_version(segment: Segment, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE segments_segment SET error = %s, error_said = NULL WHERE id = %s", [text, segment.pk])


def columns(segment: Segment) -> tuple:
    with connection.cursor() as cursor:
        cursor.execute("SELECT error, error_said FROM segments_segment WHERE id = %s", [segment.pk])
        return cursor.fetchone()


def said_in(query) -> list[str]:
    return [str(one) for one in query.values_list("error", flat=True)]


def test_what_is_assigned_or_updated_comes_back_as_a_message(segment):
    segment.error = GONE
    segment.save()
    assert Segment.objects.get().error == GONE
    Segment.objects.update(error=said("Now %(n)d") % {"n": 5})
    segment.refresh_from_db()
    assert (type(segment.error), str(segment.error)) == (Message, "Now 5")
    for nothing in ("", None, EMPTY):
        Segment.objects.update(error=GONE)
        Segment.objects.update(error=nothing)
        assert (Segment.objects.get().error, columns(segment)) == (EMPTY, ("", '""'))


def test_a_text_is_taken_as_it_is(segment):
    segment.error = "50 % of %(it)s"
    assert (type(segment.error), str(segment.error)) == (Message, "50 % of %(it)s")
    segment.save()
    assert Segment.objects.get().error == verbatim("50 % of %(it)s")


def test_an_older_row_says_its_sentence_wherever_it_is_asked_for(segment):
    kept_by_an_older_version(segment, "It is gone.")
    older = "It is gone."
    assert str(Segment.objects.get().error) == str(Segment.objects.only("error").get().error) == older
    assert said_in(Segment.objects) == said_in(Segment.objects.order_by("error")) == [older]
    assert [str(one["error"]) for one in Segment.objects.values("error")] == [older]
    assert str(Segment.objects.annotate(again=F("error")).get().again) == older
    assert str(segment.table.segments.select_related("table").get().error) == older
    assert str(type(segment).objects.defer("error").get().error) == older
    assert Segment.objects.exclude(error="").filter(error__icontains="IS GONE").exists()
    assert not Segment.objects.filter(error="").exists()


def test_an_older_row_keeps_its_sentence_when_it_is_saved_and_loses_it_when_something_else_is_said(segment):
    kept_by_an_older_version(segment, "It is gone.")
    one = Segment.objects.get()
    one.save()
    assert (str(Segment.objects.get().error), Segment.objects.get().error.is_old) == ("It is gone.", True)
    Segment.objects.bulk_update([one], ["error"])
    assert str(Segment.objects.get().error) == "It is gone."
    Segment.objects.update(error="")
    assert Segment.objects.get().error == ""
    assert Segment.objects.filter(error="").exists()


def test_a_new_row_leaves_the_older_column_empty(segment):
    [made] = Segment.objects.bulk_create(
        [Segment(environment=segment.environment, table=segment.table, name="B", error=GONE)]
    )
    assert columns(made)[0] == ""
    assert Segment.objects.get(pk=made.pk).error == GONE


def test_a_message_is_found_by_its_english_and_by_its_parameters(segment):
    Segment.objects.update(error=GONE)
    found = [Segment.objects.filter(error__icontains=text).exists() for text in ("IS GONE", "100 % ÜNÏ", "nothing")]
    assert found == [True, True, False]


def test_rows_can_be_dumped_and_loaded(segment):
    Segment.objects.update(error=GONE)
    dumped = serializers.serialize("json", Segment.objects.all())
    Segment.objects.update(error="")
    for one in serializers.deserialize("json", dumped):
        one.save()
    assert Segment.objects.get().error == GONE


def test_what_is_shown_is_cut_where_the_field_says_so(segment):
    field = Segment._meta.get_field("error")
    field.longest = 10
    try:
        segment.error = "x" * 30
        segment.save()
        assert str(Segment.objects.get().error) == "x" * 9 + "…"
    finally:
        field.longest = None
    assert str(Segment.objects.get().error) == "x" * 30


def test_messages_lie_in_other_json_and_older_texts_beside_them():
    kept = in_json([{"label": said("Send"), "note": "", "rows": 5}])
    assert kept == [{"label": {"said": {"v": 1, "id": "Send"}}, "note": "", "rows": 5}]
    assert (out_of_json(kept[0]["label"]), out_of_json("of an older version")) == ("Send", "of an older version")
    assert told(kept) == [{"label": "Send", "note": "", "rows": 5}]


def test_the_audit_log_keeps_messages_without_values_and_says_them_to_each_reader(segment, german):
    german({"“%(text)s” is not a number": "„%(text)s“ ist keine Zahl"})
    wrong = said("“%(text)s” is not a number") % {"text": personal("Rodriguez")}
    audit.record(segment.environment, "fail refresh", segment, by=None, changes={"message": wrong, "both": [1, wrong]})
    event = AuditEvent.objects.get(action="fail refresh")
    assert "Rodriguez" not in str(event.changes)
    with override("de"):
        assert value_of(event, "message") == "„…“ ist keine Zahl"
        assert [one.after for one in changes_of(event)] == ["„…“ ist keine Zahl"] * 2
        assert changes_as_json(event)["both"] == [1, "„…“ ist keine Zahl"]
    assert value_of(event, "message") == "“…” is not a number"
