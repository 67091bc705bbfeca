"""`manage.py export_spec`: what it prints, what it checks, and what it says of files that are none."""

import io
import json

import pytest
from django.conf import settings

from exports.models import Export
from exports.spec.document import KEYS, LONGEST_LIST, MOST_BYTES, SCHEDULE_KEYS, read_document
from exports.spec.problems import MOST_PROBLEMS, Code
from segments.models import Segment
from tests.exports.spec.documents import checked, export_spec, printed
from tests.factories import make_connection, make_environment, make_export, make_segment
from tests.servers.people_list import PeopleList

pytestmark = pytest.mark.django_db


@pytest.fixture
def export(environment, table, segment, shared):
    fields = {str(table.pk): [{"field": "Email", "name": "E-mail"}, {"field": "City", "name": "City"}]}
    values = {"settings": {"compression": "gzip", "delimiter": "tab"}, "field_selection": fields}
    return make_export(environment, "Weekly", shared, [segment], description="Who we write to", **values)


@pytest.fixture
def check(tmp_path, environment):
    return lambda content, *words: checked(tmp_path / "export.json", environment, content, *words)


def document(**changes):
    return {"version": 1, "name": "New", "connection": "Partner", "segments": ["Everybody"]} | changes


def test_an_export_is_printed_with_nouns_by_name_in_one_order(export):
    code, text, said = export_spec("weekly", "--environment", export.environment.slug)
    assert (code, said) == (0, "")
    assert json.loads(text) == {
        "version": 1,
        "name": "Weekly",
        "description": "Who we write to",
        "kind": "segments",
        "connection": "Partner",
        "settings": {"compression": "gzip", "delimiter": "tab"},
        "segments": ["Everybody"],
        "fields": {"Customers": [{"field": "Email", "name": "E-mail"}, {"field": "City", "name": "City"}]},
        "schedule": {"mode": "refresh"},
        "refreshes_segments": True,
        "tolerance": 50,
        "most_removals": 10,
        "sends_nothing": False,
    }
    keys = list(json.loads(text))
    assert keys == [key for key in KEYS if key in keys]
    assert export_spec(str(export.pk), "--environment", export.environment.slug)[1] == text


def test_secrets_and_what_administrators_see_are_not_printed(export):
    export.connection.settings = {"folder": "top-secret-folder"}
    export.connection.set_secrets({"password": "swordfish"})
    export.connection.save()
    _code, text, _said = export_spec("Weekly", "--environment", export.environment.slug)
    assert "swordfish" not in text
    assert "top-secret-folder" not in text


def test_what_is_printed_has_nothing_wrong(export, check):
    found, _said = printed(export)
    assert check(found) == (0, ["No problems found in “Weekly”."])
    assert check(found, "Weekly") == (0, ["No problems found in “Weekly”."])


def test_standard_input_is_read(export, environment, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(document()).encode())))
    code, text, _said = export_spec("--environment", environment.slug, "--check", "-")
    assert (code, text) == (0, "No problems found in “New”.\n")
    assert Export.objects.count() == 1, "it only looks"


def test_a_byte_order_mark_does_no_harm(export, check):
    assert check(b"\xef\xbb\xbf" + json.dumps(document()).encode())[0] == 0


def test_what_is_left_out_has_its_default(export, environment):
    spec = read_document(json.dumps(document()).encode()).spec
    fresh = Export(environment=environment)
    for name in ("description", "kind", "settings", "refreshes_segments", "tolerance", "most_removals"):
        assert getattr(spec, name) == getattr(fresh, name)
    assert (spec.sends_nothing, spec.schedule.mode, spec.fields) == (False, fresh.schedule_mode, {})


def test_a_field_may_be_written_as_its_name(export, check):
    assert check(document(fields={"Customers": ["Email", {"field": "City"}]}))[0] == 0


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"nmae": "x"}, "nmae: Unknown key “nmae”. Did you mean “name”? [unknown_key]"),
        (
            {"connection": "Partnr"},
            "connection: “Partnr” is not in this environment. Did you mean “Partner”? [unknown]",
        ),
        (
            {"segments": ["everybody"]},
            "segments[0]: “everybody” is not in this environment. Did you mean “Everybody”? [unknown]",
        ),
        ({"segments": ["Everybody", "Everybody"]}, "segments[1]: “Everybody” appears twice. [duplicate]"),
        (
            {"fields": {"Custmers": []}},
            "fields.Custmers: “Custmers” is not in this environment. Did you mean “Customers”? [unknown]",
        ),
        (
            {"fields": {"Customers": ["Emial"]}},
            "fields.Customers[0].field: “Customers” has no field “Emial” here. Did you mean “Email”? [unknown]",
        ),
        (
            {"fields": {"Customers": ["Email", "Email"]}},
            "fields.Customers[1].field: “Email” appears twice. [duplicate]",
        ),
        (
            {"fields": {"Customers": [{"field": "City", "as": "x"}]}},
            "fields.Customers[0].as: Unknown key “as”. [unknown_key]",
        ),
        (
            {"settings": {"compresion": "gzip"}},
            "settings.compresion: Unknown key “compresion”. Did you mean “compression”? [unknown_key]",
        ),
        (
            {"settings": {"compression": {"a": 1}}},
            "settings.compression: This must be text, a number, true, false, null or a list of these. [invalid]",
        ),
        ({"schedule": {"mode": "off", "every": 1}}, "schedule.every: Unknown key “every”. [unknown_key]"),
        ({"schedule": {"mode": "own"}}, "schedule.repeat: Choose how often it runs. [required]"),
        ({"tables": ["Customers"]}, "tables: A segment export cannot include tables. [not_sent]"),
        (
            {"kind": "data_out", "fields": {"Customers": []}},
            "fields: Whole tables include all fields. Remove the fields. [not_sent]",
        ),
        (
            {"is_detached": True, "connection": None},
            "is_detached: Only a detached export can stay detached. Name a connection. [not_detached]",
        ),
        ({"version": 2}, "version: Unknown document version. Supported: 1. [unsupported_version]"),
        ({"version": True}, "version: Unknown document version. Supported: 1. [unsupported_version]"),
        ({"version": None}, "version: Enter the version of the document: 1. [required]"),
        ({"name": 5}, "name: This must be text: “…”. [invalid]"),
        ({"segments": "Everybody"}, "segments: This must be a list: […]. [invalid]"),
        ({"fields": []}, "fields: This must be an object: {…}. [invalid]"),
        ({"sends_nothing": "no"}, "sends_nothing: This must be true or false. [invalid]"),
        ({"tolerance": True}, "tolerance: This must be a whole number, or null. [invalid]"),
    ],
)
def test_what_is_wrong_is_said_on_a_line_with_its_place_and_code(export, check, changes, said):
    code, lines = check(document(**changes))
    assert code == 1
    assert said in lines
    assert all(line.endswith("]") for line in lines)


def test_fields_of_a_table_that_does_not_go(export, environment, check):
    from tests.factories import make_table

    make_table(environment, "Orders", "OrderId\n1\n", key="OrderId", profile_kind="")
    said = "fields.Orders: No chosen segment sends fields of “Orders”. Remove them. [not_sent]"
    assert check(document(fields={"Orders": ["OrderId"]})) == (1, [said])


def test_nouns_of_another_environment_are_as_good_as_unknown(export, check):
    foreign = make_environment()
    make_connection(foreign, "Theirs")
    make_segment(make_export_table(foreign), "Their customers")
    code, lines = check(document(connection="Theirs", segments=["Their customers"]))
    assert code == 1
    assert lines == [
        "connection: “Theirs” is not in this environment. [unknown]",
        "segments[0]: “Their customers” is not in this environment. [unknown]",
    ]


def make_export_table(environment):
    from tests.factories import make_table

    return make_table(environment)


def test_limits_of_the_target_are_warnings(environment, segment, check, people_list):
    make_connection(environment, "People", type=PeopleList.slug)
    Segment.objects.update(member_count=2000)
    code, lines = check(document(connection="People"))
    assert code == 0
    assert any(line.startswith("segments[0]: 2,000 members: over the limit of") and "[limit]" in line for line in lines)


def test_segments_that_are_not_eligible_are_told_in_the_documents_words(
    environment, table, segment, check, people_list
):
    table.fields.update(semantic_type="")
    make_connection(environment, "People", type=PeopleList.slug)
    code, lines = check(document(connection="People"))
    said = "The following segment is not eligible for this export destination: 'Everybody'. "
    said += "Please choose only segments of type ContactProfile and try again. "
    why = "People list needs E-mail address, but no field of this segment provides it."
    assert (code, lines) == (1, [f"segments[0]: {said}{why} [not_eligible]"])


def test_what_is_wrong_can_be_read_by_programs(export, environment, tmp_path):
    path = tmp_path / "export.json"
    path.write_text(json.dumps(document(fields={"Customers": [{"field": "City", "name": ""}]})))
    code, text, _said = export_spec("--environment", environment.slug, "--check", str(path), "--json")
    assert code == 1
    assert json.loads(text)["errors"] == [
        {
            "field": "fields.Customers[0].name",
            "path": ["fields", "Customers", 0, "name"],
            "code": "required",
            "message": "Enter a name for the column.",
        }
    ]


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "document: The document is not JSON: line 1, column 1 cannot be read. [not_json]"),
        (b"{\n'name': 1}", "document: The document is not JSON: line 2, column 1 cannot be read. [not_json]"),
        (b"\xff\xfe{}", "document: The document is not UTF-8: byte 1 cannot be read. [not_utf8]"),
        (b'{"name": "caf\xe9"}', "document: The document is not UTF-8: byte 14 cannot be read. [not_utf8]"),
        (b"[" * 100_000, "document: The document is nested too deeply. [not_json]"),
        (b'{"tolerance": NaN}', "document: The document contains an invalid number. [not_json]"),
        (b'{"tolerance": ' + b"9" * 5000 + b"}", "document: The document contains an invalid number. [not_json]"),
        (b" " * (MOST_BYTES + 1), f"document: The document is larger than {MOST_BYTES} bytes. [too_large]"),
        (b"[]", "document: This must be an object: {\u2026}. [invalid]"),
        (b"null", "document: This must be an object: {\u2026}. [invalid]"),
    ],
    ids=["empty", "quotes", "utf-16", "latin-1", "deep", "nan", "long number", "large", "list", "null"],
)
def test_what_is_no_document_is_one_error(export, check, content, said):
    assert check(content) == (1, [said])


def test_keys_that_are_there_twice_are_named_where_they_are(export, check):
    text = json.dumps(document(schedule={"mode": "off"}))
    twice = text.replace('"mode": "off"', '"mode": "off", "mode": "own"').replace('"version"', '"name": "x", "version"')
    assert check(twice.encode())[1][:2] == [
        "name: The key “name” appears twice. [duplicate_key]",
        "schedule.mode: The key “mode” appears twice. [duplicate_key]",
    ]


@pytest.mark.parametrize("odd", ["\ud800", "a\nb", "\0", "\u202e", "x" * 100_000], ids=ascii)
@pytest.mark.parametrize("place", ["name", "connection", "segments", "key", "settings", "table", "zone"])
def test_odd_texts_are_told_on_one_line_that_can_be_printed(export, check, odd, place):
    changes = {
        "name": {"name": odd}, "connection": {"connection": odd}, "segments": {"segments": [odd]}, "key": {odd: 1},
        "settings": {"settings": {"compression": odd}}, "table": {"fields": {odd: ["x"]}},
        "zone": {"schedule": {"mode": "own", "repeat": "daily", "times": ["06:00"], "zone": odd}},
    }[place]  # fmt: skip
    code, lines = check(document(**changes))
    assert code == 1
    for line in lines:
        assert line.endswith("]")
        assert len(line) < 1_000 + (len(odd) if place in ("key", "table") else 0)
        assert line.encode().decode().isprintable()


def test_a_thousand_errors_are_not_all_told(export, check):
    many = [f"Nobody {number}" for number in range(40)]
    code, lines = check(document(**{f"key {number}": number for number in range(1000)}, segments=many))
    assert (code, len(lines)) == (1, MOST_PROBLEMS)
    code, lines = check(document(fields={"Customers": ["x"] * (LONGEST_LIST + 1)}))
    assert "fields.Customers: This list has more than 2000 entries. [too_many]" in lines


def test_a_file_that_cannot_be_read_is_said(environment, tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        code, text, said = export_spec("--environment", environment.slug, "--check", str(path))
        assert (code, text) == (1, "")
        assert "cannot be read" in said


def test_an_unknown_environment_or_export_is_said(export):
    slug = export.environment.slug
    code, _text, said = export_spec("Weekly", "--environment", f"{slug}x")
    assert (code, said) == (1, f"No environment “{slug}x”. Did you mean “{slug}”?")
    code, _text, said = export_spec("Weakly", "--environment", slug)
    assert (code, said) == (1, f"No export “Weakly” in the environment “{slug}”. Available: Weekly.")
    assert export_spec("--environment", slug)[0] == 1


def test_the_page_about_documents_names_each_code_and_key_and_shows_one_that_can_be_read():
    page = (settings.BASE_DIR / "docs" / "documents.md").read_text(encoding="utf-8")
    assert [code for code in Code if f"`{code}`" not in page] == []
    assert [key for key in (*KEYS, *SCHEDULE_KEYS) if f"`{key}`" not in page] == []
    shown = page.partition("```json")[2].partition("```")[0]
    assert read_document(shown.encode()).problems == []


VALUES = [
    None,
    True,
    False,
    0,
    -1,
    10**30,
    1.5,
    "",
    "\0",
    "\ud800",
    "x",
    [],
    [None],
    [[]],
    {},
    {"x": None},
    [{"x": []}],
]


def places(content, path=()):
    """Every place of a document, also in what it holds."""
    yield path
    entries = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in list(entries):
        yield from places(value, (*path, key))


def put(content, path, value):
    if not path:
        return value
    copy = json.loads(json.dumps(content))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


@pytest.mark.long
def test_whatever_stands_anywhere_it_is_judged(export, check):
    """Each place of a whole document takes each odd value, and nothing is raised."""
    whole, _said = printed(export)
    whole["schedule"] = {
        "mode": "own", "repeat": "monthly", "minute": 1, "times": ["06:00", "07:00"], "weekdays": [1],
        "month_day": "last", "cron": "1 1 * * *", "zone": "UTC",
    }  # fmt: skip
    whole |= {"tables": [], "is_detached": False}
    assert check(whole)[0] == 0
    tried = [(path, value) for path in places(whole) for value in VALUES]
    assert len(tried) > 600
    for path, value in tried:
        code, lines = check(put(whole, path, value))
        assert code == any(line.endswith("]") for line in lines), (path, value)
