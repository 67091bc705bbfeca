"""The pane and a document are judged alike: equal input, equal codes at equal places, whichever way it comes."""

import io
import json

import pytest
from django.core.management import call_command

from exports.models import Export
from exports.spec.problems import Code
from tests.exports.pane.browser import FIELDS, Pane
from tests.factories import make_connection, make_export, make_segment, make_table
from tests.servers.people_list import PeopleList

pytestmark = pytest.mark.django_db(transaction=True)
CUSTOMERS = ("fields", "Customers")
ON = {"schedule_mode": "on", "zone": "UTC", "time": "06:00"}
OWN = {"mode": "own", "zone": "UTC", "times": ["06:00"]}


def at(*path, code):
    return [(path, code)]


def schedule(name, code, *more, **changes):
    """A case of a schedule: what is typed and what is written differ in the names of the fields."""
    typed = {{"mode": "schedule_mode", "times": "time"}.get(key, key): value for key, value in changes.items()}
    return ON | typed, {"schedule": OWN | changes}, at("schedule", name, *more, code=code)


def column(name, code):
    written = [{"field": field, "name": name if field == "City" else field} for field in FIELDS]
    return (
        {"names": {"City": name}},
        {"fields": {"Customers": written}},
        at(*CUSTOMERS, FIELDS.index("City"), "name", code=code),
    )


def both(name, value, code):
    return {name: value}, {name: value}, at(name, code=code)


CASES = {
    "no name": both("name", "", Code.REQUIRED),
    "blanks for a name": both("name", " \t ", Code.REQUIRED),
    "a long name": both("name", "x" * 121, Code.TOO_LONG),
    "a name with a null": ({"name": "a\0b"}, {"name": "a\0b"}, 2 * at("name", code=Code.INVISIBLE)),
    "a name that turns": both("name", "a\u202eb", Code.INVISIBLE),
    "a long description": both("description", "x" * 1001, Code.TOO_LONG),
    "a description that turns": both("description", "a\u202eb", Code.INVISIBLE),
    "no connection": ({"connection": ""}, {"connection": None}, at("connection", code=Code.REQUIRED)),
    "an unknown connection": ({"connection": 999}, {"connection": "No"}, at("connection", code=Code.UNKNOWN)),
    "an unknown kind": both("kind", "rows", Code.INVALID_CHOICE),
    "an unknown option": (
        {"settings-compression": "rar"},
        {"settings": {"compression": "rar"}},
        at("settings", "compression", code=Code.INVALID_CHOICE),
    ),
    "an unknown delimiter": (
        {"settings-delimiter": "x", "settings-compression": "none"},
        {"settings": {"delimiter": "x"}},
        at("settings", "delimiter", code=Code.INVALID_CHOICE),
    ),
    "no segments": ({"segments": []}, {"segments": [], "fields": {}}, at("segments", code=Code.REQUIRED)),
    "no tables": (
        {"kind": "data_out", "segments": []},
        {"kind": "data_out", "segments": [], "fields": {}},
        at("tables", code=Code.REQUIRED),
    ),
    "no fields": ({"left_out": FIELDS}, {"fields": {"Customers": []}}, at(*CUSTOMERS, code=Code.REQUIRED)),
    "a column without a name": column("  ", Code.REQUIRED),
    "a column with a long name": column("x" * 121, Code.TOO_LONG),
    "a column with a null": column("a\0b", Code.INVISIBLE),
    "two columns of one name": column("Email", Code.DUPLICATE),
    "no mode": ({"schedule_mode": ""}, {"schedule": {"mode": ""}}, at("schedule", "mode", code=Code.REQUIRED)),
    "an unknown mode": schedule("mode", Code.INVALID_CHOICE, mode="hourly"),
    "an unknown recurrence": (
        ON | {"repeat": "yearly"},
        {"schedule": OWN | {"repeat": "yearly"}},
        at("schedule", "repeat", code=Code.INVALID_CHOICE),
    ),
    "no minute": (
        ON | {"repeat": "hourly"},
        {"schedule": OWN | {"repeat": "hourly"}},
        at("schedule", "minute", code=Code.REQUIRED),
    ),
    "a minute too late": (
        ON | {"repeat": "hourly", "minute": 60},
        {"schedule": OWN | {"repeat": "hourly", "minute": 60}},
        at("schedule", "minute", code=Code.OUT_OF_RANGE),
    ),
    "a minute in words": (
        ON | {"repeat": "hourly", "minute": "noon"},
        {"schedule": OWN | {"repeat": "hourly", "minute": "noon"}},
        at("schedule", "minute", code=Code.INVALID),
    ),
    "no time": (
        ON | {"repeat": "daily", "time": ""},
        {"schedule": OWN | {"repeat": "daily", "times": []}},
        at("schedule", "times", code=Code.REQUIRED),
    ),
    "a time that no clock shows": (
        ON | {"repeat": "daily", "time": "25:00"},
        {"schedule": OWN | {"repeat": "daily", "times": ["25:00"]}},
        at("schedule", "times", code=Code.INVALID),
    ),
    "no days": (
        ON | {"repeat": "weekly"},
        {"schedule": OWN | {"repeat": "weekly"}},
        at("schedule", "weekdays", code=Code.REQUIRED),
    ),
    "an eighth day": (
        ON | {"repeat": "weekly", "weekdays": [1, 8]},
        {"schedule": OWN | {"repeat": "weekly", "weekdays": [1, 8]}},
        at("schedule", "weekdays", code=Code.INVALID_CHOICE),
    ),
    "no day of the month": (
        ON | {"repeat": "monthly"},
        {"schedule": OWN | {"repeat": "monthly"}},
        at("schedule", "month_day", code=Code.REQUIRED),
    ),
    "a day that no month has": (
        ON | {"repeat": "monthly", "month_day": 32},
        {"schedule": OWN | {"repeat": "monthly", "month_day": 32}},
        at("schedule", "month_day", code=Code.INVALID_CHOICE),
    ),
    "no cron expression": (
        ON | {"repeat": "cron"},
        {"schedule": OWN | {"repeat": "cron"}},
        at("schedule", "cron", code=Code.REQUIRED),
    ),
    "half a cron expression": (
        ON | {"repeat": "cron", "cron": "5 4 *"},
        {"schedule": OWN | {"repeat": "cron", "cron": "5 4 *"}},
        at("schedule", "cron", code=Code.INVALID),
    ),
    "a day that never comes": (
        ON | {"repeat": "cron", "cron": "0 0 30 2 *"},
        {"schedule": OWN | {"repeat": "cron", "cron": "0 0 30 2 *"}},
        at("schedule", "cron", code=Code.INVALID),
    ),
    "no zone": (
        ON | {"repeat": "daily", "zone": ""},
        {"schedule": OWN | {"repeat": "daily", "zone": ""}},
        at("schedule", "zone", code=Code.REQUIRED),
    ),
    "a zone of no place": (
        ON | {"repeat": "daily", "zone": "Mars/Base"},
        {"schedule": OWN | {"repeat": "daily", "zone": "Mars/Base"}},
        at("schedule", "zone", code=Code.INVALID),
    ),
    "a negative tolerance": both("tolerance", -1, Code.OUT_OF_RANGE),
    "a tolerance too wide": both("tolerance", 10_001, Code.OUT_OF_RANGE),
    "a tolerance in words": both("tolerance", "much", Code.INVALID),
    "half a percent": both("tolerance", 1.5, Code.INVALID),
    "more removals than there are": both("most_removals", 101, Code.OUT_OF_RANGE),
    "several at once": (
        {"name": "", "connection": "", "tolerance": "much", "left_out": FIELDS},
        {"name": "", "connection": None, "tolerance": "much", "fields": {"Customers": []}},
        [
            (("name",), Code.REQUIRED),
            (("connection",), Code.REQUIRED),
            ((*CUSTOMERS,), Code.REQUIRED),
            (("tolerance",), Code.INVALID),
        ],
    ),
    "nothing": ({}, {}, []),
}


@pytest.fixture
def pane():
    return Pane()


def document(pane, **changes):
    """The document that says what the pane's form says."""
    return {
        "version": 1,
        "name": "Weekly",
        "connection": pane.connection.name,
        "segments": [pane.segment.name],
        "fields": {"Customers": [{"field": name, "name": name} for name in FIELDS]},
        "schedule": {"mode": "off"},
        "refreshes_segments": True,
    } | changes


def typed(pane, to="add", pk=None, **changes):
    """The codes that the pane finds, by place."""
    answer = pane.send(to, pk=pk, **changes)
    if answer.status_code == 302:
        return []
    assert answer.status_code == 422
    return found((problem.path, problem.code) for problem in answer.context_data["setup"].problems)


def written(pane, monkeypatch, *words, **changes):
    """The codes that --check finds, by place."""
    data = json.dumps(document(pane, **changes)).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    out = io.StringIO()
    wanted = ["export_spec", *words, "--environment", pane.environment.slug, "--check", "-", "--json"]
    try:
        call_command(*wanted, stdout=out, stderr=io.StringIO())
        ended = 0
    except SystemExit as error:
        ended = error.code
    errors = json.loads(out.getvalue())["errors"]
    assert ended == bool(errors)
    return found((tuple(error["path"]), error["code"]) for error in errors)


def found(pairs):
    return sorted((path, str(code)) for path, code in pairs)


@pytest.mark.parametrize("name", CASES)
def test_the_pane_and_a_document_find_the_same(name, pane, monkeypatch):
    form, changes, expected = CASES[name]
    assert written(pane, monkeypatch, **changes) == found(expected)
    assert typed(pane, **form) == found(expected)
    assert Export.objects.exists() == (not expected)


def test_a_name_that_another_export_has_is_taken(pane, monkeypatch):
    make_export(pane.environment, "Taken", pane.connection)
    export = make_export(pane.environment, "Weekly", pane.connection, [pane.segment])
    expected = [(("name",), "taken")]
    assert typed(pane, "edit", pk=export.pk, name=" TAKEN ") == expected
    assert written(pane, monkeypatch, "Weekly", name=" TAKEN ") == expected
    assert written(pane, monkeypatch, name="TAKEN") == [], "without a name it is about the export that it names"


def test_more_than_an_export_sends(pane, monkeypatch):
    many = [make_segment(pane.table, f"S{number}") for number in range(50)]
    expected = [(("segments",), "too_many")]
    assert typed(pane, segments=[pane.segment.pk, *(one.pk for one in many)]) == expected
    assert written(pane, monkeypatch, segments=[pane.segment.name, *(one.name for one in many)]) == expected


def test_segments_that_the_target_does_not_take(pane, people_list, monkeypatch):
    plain = make_segment(make_table(pane.environment, "Walk-ins", "Id,Nick\n1,Zed\n", key="Id"), "Walk-in customers")
    people = make_connection(pane.environment, "People", type=PeopleList.slug)
    expected = [(("segments", 1), "not_eligible")]
    assert typed(pane, connection=people.pk, segments=[pane.segment.pk, plain.pk]) == expected
    chosen = [pane.segment.name, plain.name]
    assert written(pane, monkeypatch, connection="People", segments=chosen) == expected


def test_what_an_export_has_already_is_not_judged_again(pane, monkeypatch):
    export = make_export(pane.environment, "Old\u202ename", pane.connection, [pane.segment])
    assert written(pane, monkeypatch, name=export.name) == []
    assert typed(pane, "edit", pk=export.pk, name=export.name) == []
