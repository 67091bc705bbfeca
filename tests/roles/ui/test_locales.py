"""How locales write what pages show: of one source for all languages, those to come included."""

from datetime import UTC, date, datetime, time

import pytest
from django.conf import settings
from django.utils import formats, timezone
from django.utils.translation import override

from roles.messages import Message, Month, Weekday, enumerated, joined, listed, said
from roles.ui import locales
from roles.ui.words import Clock, duration, exact_time, number, size

WHEN = datetime(2026, 9, 7, 14, 5, 9, tzinfo=UTC)


def told():
    now = Clock(WHEN)
    return [
        number(1234567.5), locales.percent(62), size(512), size(4_200_000), size(71_680),
        duration(125), duration(3780), duration(0.84),
        now.relative(WHEN.replace(hour=13)), now.relative(WHEN.replace(day=2)), now.relative(WHEN.replace(hour=17)),
        locales.day_and_clock(WHEN, "weekday"), locales.clock(time(5, 30)), exact_time(WHEN),
        locales.listing(["A", "B", "C"]), locales.listing(["A", "B"], "or"), locales.listing(["A", "B"], "plain"),
        locales.weekday(1, "wide"), locales.month(1), locales.weekdays()[0],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "language, said_of_all",
    [
        ("en", ["1,234,567.5", "62 %", "512 bytes", "4.2 MB", "72 kB", "2 min 5 s", "1 h 3 min", "0.8 s",
                "1 h ago", "5 days ago", "in 3 h", "Mon, 7 Sept 2026, 14:05", "05:30",
                "7 Sept 2026, 21:05:09 UTC+07:00",
                "A, B and C", "A or B", "A, B", "Monday", "January", 1]),
        ("fr", ["1\u202f234\u202f567,5", "62\u00a0%", "512\u00a0octets", "4,2\u202fMo", "72\u202fko",
                "2\u00a0min 5\u202fs", "1\u202fh 3\u00a0min", "0,8\u202fs", "il y a 1\u00a0h", "il y a 5\u00a0j",
                "dans 3\u00a0h", "lun. 7 sept. 2026, 14:05", "05:30", "7 sept. 2026, 21:05:09 UTC+07:00",
                "A, B et C", "A ou B", "A, B", "lundi", "janvier", 1]),
        ("id", ["1.234.567,5", "62%", "512 byte", "4,2 MB", "72 kB", "2 menit 5 detik", "1 jam 3 menit", "0,8 detik",
                "1 jam yang lalu", "5 hari yang lalu", "dalam 3 jam", "Sen, 7 Sep 2026 14.05", "05.30",
                "7 Sep 2026 21.05.09 UTC+07:00", "A, B, dan C", "A atau B", "A, B", "Senin", "Januari", 7]),
    ],
)  # fmt: skip
def test_each_language_writes_in_its_way(language, said_of_all):
    with override(language), timezone.override("Asia/Jakarta"):
        assert told() == said_of_all
        assert formats.get_format("THOUSAND_SEPARATOR", use_l10n=True) == number(1000)[1:-3]
        assert formats.get_format("DECIMAL_SEPARATOR", use_l10n=True) == number(0.5)[1:-1]
        assert formats.get_format("FIRST_DAY_OF_WEEK", use_l10n=True) == locales.weekdays()[0] % 7


@pytest.mark.parametrize("code", ["en-x-pseudo", "", "zz", "xx-yy", "de", "pt-br"])
def test_every_language_has_a_locale(code):
    assert locales.locale_of(code).territory or code in ("de", "pt-br")
    assert locales.locale_of(settings.LANGUAGE_CODE).language == "en"


def test_recorded_times_of_day_weekdays_months_and_lists_are_the_readers():
    kept = said("%(days)s, %(times)s, %(month)s, %(either)s") % {
        "days": enumerated([Weekday(1), joined([Weekday(3), Weekday(5)], by="–")], "and"),
        "times": listed([time(7, 30), time(18)], "and"),
        "month": Month(8),
        "either": listed(["A", date(2026, 11, 30)], "or"),
    }
    again = Message.from_json(kept.as_json())
    told = {}
    for language in ("en", "fr", "id"):
        with override(language):
            told[language] = str(again)
    assert told == {
        "en": "Mon and Wed–Fri, 07:30 and 18:00, August, A or 30 Nov 2026",
        "fr": "lun. et mer.–ven., 07:30 et 18:00, août, A ou 30 nov. 2026",
        "id": "Sen dan Rab–Jum, 07.30 dan 18.00, Agustus, A atau 30 Nov 2026",
    }


def test_lists_of_an_earlier_version_are_lists():
    kept = {"v": 1, "id": "%(all)s", "params": {"all": {"list": ["A", "B"], "by": ", "}}}
    assert str(Message.from_json(kept)) == "A, B"
    odd = {"v": 1, "id": "%(a)s %(b)s", "params": {"a": {"weekday": 9}, "b": {"clock": "late"}}}
    assert str(Message.from_json(odd)) == "… …"


@pytest.mark.parametrize(
    "message, first",
    [
        (
            said("The target refused “%(name)s”. Ask whoever runs it.") % {"name": "a. b. C"},
            "The target refused “a. b. C”",
        ),
        (joined([said("No room at %(where)s.") % {"where": "St. Ives"}, said("Make some.")]), "No room at St. Ives"),
        (Message.of("One thing. Another."), "One thing"),
        (said("Only one"), "Only one"),
    ],
)
def test_the_first_sentence_ends_where_that_of_the_text_ends_not_where_a_value_has_a_full_stop(message, first):
    assert str(Message.from_json(message.first_sentence().as_json())) == first
