"""Messages: kept with their parameters, said in the language of whoever reads, and never a reason to fail."""

import json
import logging
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils.translation import gettext_lazy, override

from roles.messages import EMPTY, Message, SaidError, joined, listed, personal, said, said_many, verbatim

WHEN = datetime(2026, 11, 30, 9, 5, tzinfo=UTC)


def again(message: Message) -> Message:
    """Return what the database gives back."""
    return Message.from_json(json.loads(json.dumps(message.as_json())))


def test_recorded_in_english_read_in_german_and_in_english_again(german):
    german({"The segment “%(name)s” failed: %(why)s": "„%(name)s“ ging schief: %(why)s", "It is gone.": "Es ist weg."})
    with override("en"):
        kept = again(said("The segment “%(name)s” failed: %(why)s") % {"name": "Beers", "why": said("It is gone.")})
    with override("de"):
        assert str(kept) == "„Beers“ ging schief: Es ist weg."
    with override("en"):
        assert str(kept) == "The segment “Beers” failed: It is gone."


def test_a_plural_is_chosen_and_its_number_written_as_the_reader_does(german):
    german({("%(n)s row of “%(name)s”", 0): "%(n)s Zeile in „%(name)s“",
            ("%(n)s row of “%(name)s”", 1): "%(n)s Zeilen in „%(name)s“"})  # fmt: skip
    one, many = (
        again(said_many("%(n)s row of “%(name)s”", "%(n)s rows of “%(name)s”", n) % {"name": "A"}) for n in (1, 12_345)
    )
    assert (str(one), str(many)) == ("1 row of “A”", "12,345 rows of “A”")
    with override("de"):
        assert (str(one), str(many)) == ("1 Zeile in „A“", "12.345 Zeilen in „A“")


@pytest.mark.parametrize(
    ("kept", "read"),
    [
        ({"id": "The run of “%(name)s” goes on.", "params": {"name": "Beers"}}, "The run of “Beers” goes on."),
        ({"id": "%(n)s row is there", "plural": "%(n)s rows are there", "n": 2}, "2 rows are there"),
        ({"id": "It took %(gone)s of %(n)d %%", "params": {"n": 5}}, "It took … of 5 %"),
    ],
)
def test_a_text_that_was_reworded_since_is_read_as_it_was_recorded(german, kept, read):
    """The catalogue no longer has the text of an older row, so it stays English, with its parameters."""
    german({"The run of “%(name)s” continues.": "Der Lauf von „%(name)s“ geht weiter."})
    for language in ("en", "de"):
        with override(language):
            assert str(Message.from_json({"v": 1, **kept})) == read


def test_numbers_moments_and_lengths_are_in_the_readers_words():
    said_of_all = said("%(a)s %(b)d %(c)s %(d)s %(e)s %(f)s")
    message = again(said_of_all % {"a": 1234.5, "b": 1234, "c": WHEN, "d": date(2026, 11, 30),
                         "e": timedelta(minutes=2, seconds=5), "f": None})  # fmt: skip
    assert str(message) == "1,234.5 1234 30 Nov 2026, 09:05:00 UTC 30 Nov 2026 2 min 5 s —"
    with override("de"):
        assert str(message).startswith("1.234,5 1234 30.11.2026, 09:05:00 UTC")


@pytest.mark.parametrize(
    "name", ["100 % sure", "%(why)s", "%s %d %", "{who} {0}", "a\nb", "🛵 “x” \u202eabc", "<b>&amp;", "", "x" * 9000]
)
def test_a_name_is_shown_as_it_is_whatever_it_holds(name):
    assert str(again(said("“%(name)s” is %(why)s: 100 %%") % {"name": name, "why": "odd"})) == f"“{name}” is odd: 100 %"
    assert str(again(verbatim(name))) == name


def test_what_no_text_of_the_database_can_hold_is_replaced():
    for message in (said("It is %(name)s") % {"name": "a\0b\ud800"}, verbatim("It is a\0b\ud800")):
        assert str(again(message)) == "It is a\ufffdb\ufffd"


def test_an_unknown_msgid_and_missing_or_odd_parameters_are_shown_as_far_as_they_go(german):
    german({"Translated %(name)s": "Übersetzt %(andere)s %(name)d"})
    with override("de"):
        assert str(said("Nobody translated %(name)s") % {"name": "me"}) == "Nobody translated me"
        assert str(said("Translated %(name)s") % {"name": "A"}) == "Übersetzt … A"
    assert str(Message.from_json({"v": 1, "id": "It is %(a)s and %(n)s"})) == "It is … and …"


@pytest.mark.parametrize(
    "kept, shown",
    [
        (None, ""),
        ([], ""),
        ("of an older version", "of an older version"),
        (7, "…"),
        ({"v": 1, "id": 5}, "…"),
        ({"v": 9, "id": "New %(x)s", "params": {"x": {"later": 1}}, "extra": True}, "New …"),
        ({"v": 1, "id": "One", "plural": "Many", "n": "3"}, "One"),
        ({"v": 1, "id": "A %(x)s", "params": [1]}, "A …"),
        ({"v": 1, "id": "A %(x)s", "params": {"x": {"at": "yesterday"}}}, "A …"),
        ({"v": 1, "id": "A %(x)s", "params": {"x": {"seconds": 1e300}}}, "A …"),
        ({"v": 1, "id": "A %(x)s", "params": {"x": {"list": 5}}}, "A …"),
        ({"v": 1, "id": "A %(x)s", "params": {"x": {"said": {"v": 1}}}}, "A …"),
    ],
)
def test_broken_rows_show_what_can_be_understood(kept, shown):
    assert str(Message.from_json(kept)) == shown


def test_endless_nesting_ends():
    kept: object = "x"
    for _level in range(500):
        kept = {"v": 1, "id": "in %(x)s", "params": {"x": {"said": kept}}}
    assert str(Message.from_json(kept)).startswith("in in in")
    deep = said("at the bottom")
    for _level in range(50):
        deep = said("in %(x)s") % {"x": listed([deep])}
    assert str(again(deep)).endswith("…")


def test_a_persons_value_is_shown_to_readers_and_masked_for_logs():
    inner = said("“%(text)s” is not a number") % {"text": personal("Rodriguez")}
    message = again(said("%(name)s: %(all)s") % {"name": "Age", "all": listed([inner, personal("Grace"), "plain"])})
    assert str(message) == "Age: “Rodriguez” is not a number, Grace, plain"
    assert str(again(message.masked())) == "Age: “…” is not a number, …, plain"
    assert "Rodriguez" not in json.dumps(message.masked().as_json())


def test_what_older_versions_stored_is_masked_where_it_quotes():
    kept = Message.from_json("“Rodriguez” is not a number")
    assert (str(kept), str(kept.masked())) == ("“Rodriguez” is not a number", "“…” is not a number")
    assert again(kept) == kept


def test_a_plain_text_of_somebody_elses_package_is_kept(german):
    german({"Took %(n)s %%": "never", "Log in": "Anmelden"})
    with override("de"):
        for text in ("The outbox is full: 100 %% “A”", "Took %(n)s %%"):
            assert str(again(Message.of(text))) == str(again(Message.of(text).masked())) == text


def test_a_lazy_text_is_translated_when_it_is_read(german):
    german({"Find the server": "Server finden"})
    with override("de"):
        kept = again(Message.of(gettext_lazy("Find the server")))
        assert str(kept) == "Server finden"
        assert str(said("%(step)s!") % {"step": gettext_lazy("Find the server")}) == "Server finden!"
    assert str(kept) == "Find the server"


def test_what_is_shown_is_cut_and_what_is_kept_is_not():
    message = said("x" * 300)
    assert str(message.cut(200)) == "x" * 199 + "…"
    assert str(again(message.cut(200))) == "x" * 300
    assert str(said("short").cut(200)) == "short"


def test_only_nothing_is_false():
    assert not any([EMPTY, verbatim(""), Message.of(None), Message.from_json("")])
    assert all([said("a"), verbatim("a"), Message.from_json("a")])


def test_an_error_tells_people_all_and_a_traceback_no_value(caplog):
    wrong = said("“%(text)s” is not a number") % {"text": personal("Rodriguez")}
    failed = SaidError(said("It failed: %(why)s") % {"why": wrong})
    failed.__cause__ = SaidError(wrong)
    logging.getLogger("exports").error("Not so", exc_info=failed)
    assert str(failed.message) == "It failed: “Rodriguez” is not a number"
    assert "It failed: “…” is not a number" in caplog.text
    assert "Rodriguez" not in caplog.text


def test_a_first_sentence_is_chosen_in_the_readers_language(german):
    german({"It is full. Make room.": "Voll ist es. Platz schaffen."})
    message = again(said("It is full. Make room.").first_sentence())
    with override("de"):
        assert str(message) == "Voll ist es"
    assert (str(message), str(again(verbatim("No. Way.").first_sentence()))) == ("It is full", "No")


def test_several_are_one():
    assert str(again(joined([said("One."), said("Two.")]))) == "One. Two."
    assert str(joined([said("One")], by=", ")) == "One"


def test_a_message_equals_what_it_says():
    message = said("“%(name)s” failed") % {"name": "A"}
    assert message == "“A” failed" == message
    assert message == again(message)
    assert message != said("“%(name)s” failed") % {"name": "B"}
    assert ("failed" in message, "well" in message, message == 5) == (True, False, False)
