"""Retry-After in every form that RFC 9110 knows."""

import time
from email.utils import formatdate

import pytest

from roles.net.retry_after import seconds_of

FORMS = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y")


@pytest.mark.parametrize("header, seconds", [("0", 0), ("120", 120), (" 7 ", 7), ("3601", 3600), ("9" * 400, 3600)])
def test_a_number_of_seconds_is_taken_up_to_an_hour(header, seconds):
    assert seconds_of(header) == seconds


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ahead, seconds", [(300, 300), (86_400, 3600), (-300, 0), (-86_400 * 400, 0)])
def test_a_date_says_how_long_in_all_three_forms(form, ahead, seconds):
    before = time.time()
    found = seconds_of(time.strftime(form, time.gmtime(before + ahead)))
    assert seconds - 1 - (time.time() - before) <= found <= seconds


def test_the_day_of_a_month_may_have_one_digit_in_the_oldest_form():
    assert seconds_of("Sun Nov  6 08:49:37 1994") == seconds_of("Sunday, 06-Nov-94 08:49:37 GMT") == 0


@pytest.mark.parametrize(
    "header",
    [
        *("", " ", "soon", "-5", "+5", "1.5", "1e3", "１２", "٣", "12 seconds", "120, 60", "nan", "inf", "0x10"),
        *(formatdate(0), "Sun, 99 Nov 2094 08:49:37 GMT", "Sun, 06 Foo 2094 08:49:37 GMT", "2094-11-06T08:49:37Z"),
    ],
)
def test_nonsense_asks_for_nothing(header):
    assert seconds_of(header) is None
