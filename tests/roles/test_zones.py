"""Time zones by name: what is meant, what is offered, and how far from UTC they are."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from roles import zones

WINTER = datetime(2026, 11, 30, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "typed, name",
    [
        ("Europe/Paris", "Europe/Paris"),
        (" europe/paris ", "Europe/Paris"),
        ("paris", "Europe/Paris"),
        ("New York", "America/New_York"),
        ("utc", "UTC"),
        ("Nowhere", "Nowhere"),
    ],
)
def test_a_zone_is_known_by_its_city_too(typed, name):
    assert zones.named(typed) == name


def test_places_are_offered_and_no_abbreviations():
    assert {"Europe/Paris", "Asia/Jakarta", "UTC"} <= {*zones.offered()}
    assert not {"EST", "Etc/GMT+5", "US/Eastern", "Factory"} & {*zones.offered()}


@pytest.mark.parametrize(
    "name, away",
    [
        ("UTC", "UTC"),
        ("Europe/London", "UTC+00:00"),
        ("Europe/Paris", "UTC+01:00"),
        ("Asia/Kathmandu", "UTC+05:45"),
        ("America/St_Johns", "UTC-03:30"),
    ],
)
def test_the_distance_from_utc_is_that_of_the_moment(name, away):
    assert zones.offset(WINTER.astimezone(ZoneInfo(name))) == away
    assert zones.with_offset("Europe/Paris", datetime(2026, 7, 1, tzinfo=UTC)) == "Europe/Paris (UTC+02:00)"


def test_choices_are_grouped_by_region_and_keep_a_zone_that_is_no_longer_offered():
    groups = dict(zones.grouped(WINTER, ["US/Eastern"]))
    assert groups["UTC"] == [("UTC", "UTC")]
    assert ("Europe/Paris", "Paris (UTC+01:00)") in groups["Europe"]
    assert ("America/Argentina/Buenos_Aires", "Argentina/Buenos Aires (UTC-03:00)") in groups["America"]
    assert groups["US"] == [("US/Eastern", "Eastern (UTC-05:00)")]
    assert next(iter(groups)) == "UTC"
