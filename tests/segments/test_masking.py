"""Previews show the shape of personal data, not the data."""

import pytest

from roles.kinds import SemanticType
from segments.masking import conceal, mask


@pytest.mark.parametrize(
    ("value", "meaning", "shown"),
    [
        ("abbie_moss@collins.com", SemanticType.EMAIL, "a•••@c•••.com"),
        ("ab@x.co.uk", SemanticType.EMAIL, "•••@x•••.uk"),
        ("Ada Lovelace <ada@x.com>", SemanticType.EMAIL, "••• a•••@•••.com"),
        ("ada@x.com, bob@y.com", SemanticType.EMAIL, "a•••@•••.com, b•••@•••.com"),
        ("ada@countess.lovelace", SemanticType.EMAIL, "a•••@c•••.•••"),
        ("Ada Lovelace 983566070", SemanticType.PHONE, "••• •••••••• 9••••••••"),
        ("not an address", SemanticType.EMAIL, "n••• ••• a•••"),
        ("Abbie", SemanticType.FIRST_NAME, "A•••"),
        ("Al", SemanticType.FIRST_NAME, "•••"),
        ("Abbie van der Moss", SemanticType.FULL_NAME, "A••• v••• d••• M•••"),
        ("983.566.0706x9509", SemanticType.PHONE, "9••.•••.•••••••••"),
        ("+1-569-626-5660", SemanticType.PHONE, "+1-•••-•••-••••"),
        ("1234", SemanticType.PHONE, "•••"),
        ("5/8/1986", SemanticType.BIRTH_DATE, "•/•/••••"),
        ("1986-05-08", SemanticType.BIRTH_DATE, "••••-••-••"),
        ("10753", SemanticType.POSTAL_CODE, "1•••"),
        ("129 Miller Plaza", SemanticType.STREET, "1••• M••• P•••"),
        ("CNTID_1000", SemanticType.PERSON_ID, "C•••"),
        ("London", SemanticType.CITY, "London"),
        ("Contoso", SemanticType.COMPANY, "Contoso"),
        ("", SemanticType.EMAIL, ""),
        (None, SemanticType.EMAIL, None),
    ],
)
def test_what_a_field_means_decides_how_it_is_masked(value, meaning, shown):
    assert mask(value, meaning) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("abbie_moss@collins.com", "a•••@c•••.com"),
        ("write to ada@example.com, please", "write to a•••@e•••.com, please"),
        ("983.566.0706x9509", "9••.•••.•••••••••"),
        ("(886)926-8518", "(8••)•••-••••"),
        ("+44 20 7946 0958", "+4• •• •••• ••••"),
        ("4155551234", "4•••••••••"),
    ],
)
def test_addresses_and_numbers_are_recognized_where_nothing_is_stated(value, shown):
    assert mask(value, "") == shown


@pytest.mark.parametrize(
    "value",
    ["256414.1127086401", "2019-01-23", "2019-01-23 10:11:12", "3/14/2017", "12345", "high", "Software Engineer", "-5"],
)
def test_what_is_not_personal_is_shown(value):
    assert mask(value, "") == value


@pytest.mark.parametrize(
    ("value", "meaning", "shown"),
    [
        ("abbie_moss@collins.com", "", "a•••@c•••.com"),
        ("(886)926-8518", "", "(8••)•••-••••"),
        ("4155551234", "", "4•••••••••"),
        ("write to ada@example.com", "", "•••"),
        ("DE89370400440532013000", "", "•••"),
        ("2019-01-23", "", "•••"),
        ("12345", "", "•••"),
        ("-5", "", "•••"),
        ("female", "", "•••"),
        ("London", SemanticType.CITY, "•••"),
        ("Contoso", SemanticType.COMPANY, "•••"),
        ("x", "no such meaning", "•••"),
        ("Abbie", SemanticType.FIRST_NAME, "A•••"),
        ("5/8/1986", SemanticType.BIRTH_DATE, "•/•/••••"),
        ("", "", ""),
        (None, "", None),
    ],
)
def test_what_nothing_says_how_to_mask_is_dots_for_viewers(value, meaning, shown):
    assert conceal(value, meaning) == shown


@pytest.mark.parametrize("meaning", SemanticType.values)
def test_no_meaning_lets_a_value_through(meaning):
    for value in ("Lovelace", "plain text of two lines\nor more", "1815-12-10", "W1J 7NT", "yes", "12.50"):
        assert value not in conceal(value, meaning)
