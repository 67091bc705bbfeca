"""Lines of the log as JSON: one object each, with the ids of the work at hand and no secrets."""

import json
import logging
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, connection
from django.test import RequestFactory

from config.logs import JsonLines, Lines, logging_settings
from exports.actions import run_now
from exports.work.watch import work_until_idle
from roles import log_context
from roles.audit.origin import OriginMiddleware
from tests.factories import make_environment, make_export, make_segment, make_table


@pytest.fixture
def lines():
    """What is logged meanwhile, as objects."""
    found: list[dict] = []
    handler = logging.Handler()
    handler.setFormatter(JsonLines())
    handler.emit = lambda record: found.append(json.loads(handler.format(record)))
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)


def write(text: str, *words: object, **more: object) -> None:
    logging.getLogger("tests.logs").warning(text, *words, **more)


def test_a_line_says_when_how_bad_where_and_what(lines):
    write("%s of “%s”", 3, "Änderung")
    (line,) = lines
    assert line["time"].endswith("+00:00")
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", "tests.logs", "3 of “Änderung”")
    assert "run" not in line
    assert "request" not in line


def test_a_line_carries_what_the_work_is_about(lines):
    with log_context.about(run="r-1", export=7, environment="contoso"):
        write("inside")
    write("outside")
    assert {name: lines[0][name] for name in ("run", "export", "environment")} == {
        "run": "r-1", "export": 7, "environment": "contoso",
    }  # fmt: skip
    assert "run" not in lines[1]


def test_lines_of_one_request_carry_the_same_id(lines):
    def answer(request: object) -> None:
        write("one")
        write("two")

    OriginMiddleware(answer)(RequestFactory().get("/"))
    assert lines[0]["request"] == lines[1]["request"]


def test_an_error_is_one_line_with_its_place(lines):
    try:
        raise ValueError("wrong")
    except ValueError:
        write("failed", exc_info=True)
    assert "ValueError: wrong" in lines[0]["error"]


@pytest.mark.django_db
@pytest.mark.parametrize("formatter", [Lines(), JsonLines()])
def test_what_the_database_said_about_a_value_is_left_out(formatter):
    try:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT %s::date", ["planted" + "Customer7391"])
        except DataError as error:
            raise ValueError("refused") from error
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed", (), sys.exc_info())
    said = formatter.format(record)
    assert "plantedCustomer7391" not in said
    assert "psycopg.errors.InvalidDatetimeFormat: …" in said
    assert "ValueError: refused" in said


def test_what_hangs_on_a_record_is_left_out(lines):
    request = RequestFactory().get("/invitations/secret-token/")
    write("Not Found", extra={"request": request, "status_code": 404})
    assert "secret-token" not in json.dumps(lines)


def test_a_token_is_hidden_in_an_error_too(lines):
    try:
        raise ValueError("/invitations/secret-token/ is not there")
    except ValueError:
        write("failed", exc_info=True)
    assert "secret-token" not in json.dumps(lines)


@pytest.mark.parametrize("name", ["WAYBILL_LOG_FORMAT", "WAYBILL_LOG_LEVEL"])
def test_an_unknown_format_or_level_is_refused_with_what_there_is(monkeypatch, name):
    monkeypatch.setenv(name, "pretty")
    with pytest.raises(ImproperlyConfigured, match=f"{name}='pretty' is not known. Write one of: "):
        logging_settings()


@pytest.mark.django_db(transaction=True)
def test_lines_of_a_run_carry_its_ids(monkeypatch, tmp_path):
    """The child that carries it out is a process of its own: it writes what it knows to a file."""
    from exports.work import watch

    seen = tmp_path / "seen"
    carry_out = watch.execute

    def noting(claimed: object) -> int:
        seen.write_text(json.dumps(log_context.current()))
        return carry_out(claimed)

    monkeypatch.setattr(watch, "execute", noting)
    place = make_environment()
    export = make_export(place, segments=[make_segment(make_table(place))])
    run, _is_new = run_now(export, by=None)
    work_until_idle()
    assert json.loads(seen.read_text()) == {"run": str(run.uuid), "export": export.pk, "environment": place.slug}
