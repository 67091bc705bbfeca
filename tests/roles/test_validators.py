"""Names can be seen, and are single lines that read the way they are written."""

import pytest
from django.core.exceptions import ValidationError

from roles.validators import note, one_line, visible, visible_name


@pytest.mark.parametrize("name", ["Contoso", "Ünï 日本", "می‌خواهم", "👩‍👧 Families", "<b>", "7", "ﷺ", "a\u00a0b"])
def test_a_name_that_can_be_read_is_taken(name):
    visible_name(name)


@pytest.mark.parametrize("name", ["\u200d", "\u2800", "\u3164\u3164", "\u00a0", "\u0301", ""])
def test_a_name_that_shows_nothing_is_refused(name):
    with pytest.raises(ValidationError, match="is invisible"):
        visible_name(name)


@pytest.mark.parametrize("code", ["0007", "000A", "0085", "200B", "202E", "2066", "2028", "FEFF", "D800", "00AD"])
def test_control_and_direction_characters_are_named(code):
    with pytest.raises(ValidationError, match=rf"Character 3 is invisible \(U\+{code}\)"):
        one_line(f"ab{chr(int(code, 16))}c")


def test_an_empty_line_is_a_line():
    one_line("")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "می\u200cخواهم",
            "ශ්\u200dරී",
            "क्\u200dष",
            "ক্\u200dষ",
            "\u1820\u180b",
            "葛\U000e0100城",
            "শর্\u200cত",
            "क्\u200d",
            "সৎ ত্\u200d ক",
        ),
        *(
            "👩\u200d👧",
            "👩🏽\u200d💻",
            "❤\ufe0f\u200d🔥",
            "🏳\ufe0f\u200d🌈",
            "☎\ufe0f",
            "1\ufe0f\u20e3",
            "🐻\u200d❄\ufe0f",
            "‼\ufe0f",
        ),
        *(
            "🧑🏻\u200d❤\ufe0f\u200d💋\u200d🧑🏿",
            "🇫🇷 Clients",
            "עברית",
            "العربية",
            "ไทย",
            "café",
            "cafe\u0301",
            "ⓐ",
            "\U0001fae8",
        ),
    ],
)
def test_what_scripts_and_emoji_are_written_with_is_taken(text):
    visible_name(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ad\u200da",
            "ad\u200ca",
            "ada\u200d",
            "\u200dada",
            "می\u200c",
            "می\u200ca",
            "م\u200d\u200dی",
            "👩\u200da",
            "a\u200d👩",
        ),
        *("👩\u200d", "👩\u200d\u200d👧", "a\ufe0f", "\ufe0f", "ada\U000e0100", "ada\u180b", "👩\u200c👧", "क\u200dক"),
        *(
            "ada\u3164",
            "ada\u2800",
            "a\u034fda",
            "ada\ufffe",
            "ada\ufdd0",
            "ada\U000e0041",
            "ada\u115f",
            "ada\u2060",
            "ada\u061c",
        ),
    ],
    ids=ascii,
)
def test_where_they_show_nothing_they_are_refused(text):
    with pytest.raises(ValidationError, match="is invisible"):
        one_line(text)


def test_a_note_has_lines_and_nothing_else_that_is_hidden():
    note("one\ntwo")
    for hidden in ("\u202e", "\r", "\u2028", "\t", "\0"):
        with pytest.raises(ValidationError):
            note(f"one\ntwo{hidden}")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" Ada \n Lovelace ", "Ada Lovelace"),
        ("A\u202eda\0", "Ada"),
        ("Cafe\u0301\u200b", "Café"),
        ("👩\u200b\u200d👧", "👩\u200d👧"),
        ("a\u200b\u200d👧", "a👧"),
        ("\u202e", ""),
    ],
)
def test_what_a_provider_says_is_kept_as_far_as_it_can_be_seen(given, kept):
    assert visible(given) == kept
    one_line(visible(given))
