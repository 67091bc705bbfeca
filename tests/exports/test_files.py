"""Delivered files from the portal: exact bytes, safe for spreadsheets, only for those who may, and clear refusals."""

import csv
import gzip
import hashlib
import io
import json
import re
from html import unescape

import pytest
from django.urls import reverse

from connections.models import Connection
from exports import actions, download
from exports.download import defused, is_formula
from exports.models import Run
from exports.runner.watch import work_until_idle
from roles.models import AuditEvent
from roles.roles import Role
from tests.factories import client_of, folder_of, make_export, make_member

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def export(environment, shared, segment):
    return make_export(environment, "Calls", shared, [segment], settings={"compression": "gzip"})


@pytest.fixture
def run(export):
    run, _is_new = actions.run_now(export, by=None)
    work_until_idle()
    run.refresh_from_db()
    assert run.state == "succeeded", run.message
    return run


def url(run, index=0, name="file"):
    at = {"environment": run.environment.slug, "pk": run.export_id, "uuid": run.uuid}
    return reverse(f"exports:{name}", kwargs=at | ({"index": index} if name == "file" else {}))


def data_file(run):
    """The index of the file with the rows."""
    return next(index for index, file in enumerate(run.files) if file["path"].endswith(".csv.gz"))


def body(response):
    try:
        return b"".join(response.streaming_content)
    finally:
        response.close()


def delivered(run, index):
    return folder_of(run.connection) / run.files[index]["path"]


def refusal(client, run, index=0):
    """What a browser with scripts and one without are told; both are the same."""
    told = json.loads(client.get(url(run, index), headers=HTMX).headers["HX-Trigger"])["notice"]
    assert told["tone"] == "danger"
    page = client.get(url(run, index), follow=True)
    assert page.redirect_chain[-1][0] == url(run, name="run_progress")
    assert told["text"] in unescape(page.content.decode())
    return told["text"]


def test_the_bytes_are_those_that_were_delivered(carl, run):
    index = data_file(run)
    response = carl.get(url(run, index))
    data = body(response)
    assert hashlib.sha256(data).hexdigest() == run.files[index]["sha256"]
    assert int(response.headers["Content-Length"]) == len(data) == run.files[index]["bytes"]
    assert response.headers["Content-Disposition"] == 'attachment; filename="Everybody_1.csv.gz"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Type"] == "application/octet-stream"


def test_a_download_is_in_the_audit_log(carl, run):
    body(carl.get(url(run, data_file(run))))
    event = AuditEvent.objects.get(action="download")
    assert (event.actor.username, event.object_name) == ("carl", "Calls")
    assert event.changes == {"run": str(run.uuid), "file": run.files[data_file(run)]["path"], "as": "file"}


def test_for_a_spreadsheet_nothing_is_a_formula_and_everything_else_is_as_it_was(carl, run):
    index = data_file(run)
    response = carl.get(url(run, index), {"as": "spreadsheet"})
    assert response.headers["Content-Disposition"] == 'attachment; filename="Everybody_1.csv"'
    data = body(response)
    assert data.startswith(b"\xef\xbb\xbf")
    found = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    original = list(csv.reader(io.StringIO(gzip.decompress(delivered(run, index).read_bytes()).decode(), newline="")))
    pairs = [(was, now) for old, new in zip(original, found, strict=True) for was, now in zip(old, new, strict=True)]
    assert [pair for pair in pairs if pair[0] != pair[1]] == [("=cmd()", "'=cmd()")]
    assert ("multi\nline", "multi\nline") in pairs


def test_the_browser_is_told_first_and_then_downloads(carl, run):
    response = carl.get(url(run, 0), headers=HTMX)
    assert response.headers["HX-Redirect"] == url(run, 0)
    assert response.content == b""
    assert not AuditEvent.objects.filter(action="download").exists()


def test_progress_offers_the_files(carl, run):
    page = carl.get(url(run, name="run_progress")).content.decode()
    assert f'href="{url(run, data_file(run))}"' in page
    assert f'href="{url(run, data_file(run))}?as=spreadsheet"' in page


def test_a_viewer_sees_the_path_and_why_there_is_no_download(environment, run):
    vera = client_of(make_member(environment, Role.VIEWER))
    page = vera.get(url(run, name="run_progress")).content.decode()
    assert run.files[0]["path"] in page
    assert "Whoever can edit this export can download its files." in page
    assert url(run, 0) not in page
    assert vera.get(url(run, 0)).status_code == 403


@pytest.mark.parametrize("index", [99, 10**15])
def test_only_files_of_the_run_can_be_had(carl, run, index):
    assert carl.get(url(run, index)).status_code == 404


def test_a_file_that_is_gone_is_said_to_be(carl, run):
    delivered(run, 0).unlink()
    assert "no longer there" in refusal(carl, run)


def test_a_file_of_another_size_is_not_the_one_that_was_delivered(carl, run):
    with delivered(run, 0).open("ab") as file:
        file.write(b"more")
    assert "replaced or changed since" in refusal(carl, run)


def test_a_link_in_the_place_of_the_file_is_not_followed(carl, run, tmp_path):
    (tmp_path / "secret").write_bytes(b"x" * run.files[0]["bytes"])
    delivered(run, 0).unlink()
    delivered(run, 0).symlink_to(tmp_path / "secret")
    assert refusal(carl, run)


def test_a_connection_that_points_elsewhere_is_not_asked(carl, run):
    Connection.objects.filter(pk=run.connection_id).update(settings={"folder": "elsewhere"})
    assert "points elsewhere" in refusal(carl, run)
    assert "points elsewhere" in unescape(carl.get(url(run, name="run_progress")).content.decode())


def test_a_connection_that_was_removed_is_said_to_be(environment, run):
    ada = client_of(make_member(environment, Role.ADMINISTRATOR))
    Run.objects.filter(pk=run.pk).update(connection=None)
    assert "was removed" in refusal(ada, run)


def test_only_so_many_downloads_go_on_at_once_and_places_become_free(carl, run):
    going_on = [carl.get(url(run, 0)) for _ in range(download.MOST_AT_ONCE)]
    assert "Too many downloads are under way." in refusal(carl, run)
    for response in going_on:
        response.close()
    assert body(carl.get(url(run, 0)))
    for _ in range(5):
        delivered(run, 0).unlink(missing_ok=True)
        refusal(carl, run)
    assert body(carl.get(url(run, 1)))


@pytest.mark.parametrize(
    "value",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "-", "+", "+49 30 1234", "-5=A1", "--5"],
)
def test_what_a_spreadsheet_would_compute_is_a_formula(value):
    assert is_formula(value)


@pytest.mark.parametrize(
    "value", ["", "-5", "+4.2", "-1,234.50", "-.5", "+1e10", "5", "a=1", " =1", "'=1", "2020-01-02"]
)
def test_numbers_and_words_are_none(value):
    assert not is_formula(value)


@pytest.mark.parametrize(("name", "character"), [("comma", ","), ("semicolon", ";"), ("tab", "\t"), ("pipe", "|")])
def test_the_delimiter_is_kept_and_pieces_may_end_anywhere(name, character):
    rows = [["Id", "Naïve 😀"], ["1", f"a{character}b"], ["2", '=x "y"\r\nz'], ["3", "-5"], ["4", ""]]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=character, lineterminator="\n").writerows(rows)
    data = text.getvalue().encode()
    for size in (1, 2, 7, 1000):
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        found = b"".join(defused(pieces, name)).decode("utf-8-sig")
        rows[2][1] = '\'=x "y"\r\nz'
        assert list(csv.reader(io.StringIO(found, newline=""), delimiter=character)) == rows
        rows[2][1] = '=x "y"\r\nz'


def test_a_value_of_ten_million_letters_passes():
    data = b"Id,Text\n1," + b"x" * 10_000_000 + b"\n"
    pieces = (data[start : start + 100_000] for start in range(0, len(data), 100_000))
    assert sum(map(len, defused(pieces, "comma"))) == len(data) + 3 + 2


def test_what_is_shown_is_text(carl, run):
    run.files[0]["path"] = "<script>alert(1)</script>/\"';\r\nx.csv"
    run.save()
    page = carl.get(url(run, name="run_progress")).content.decode()
    assert "<script>alert" not in page
    assert not re.search(r"HTTP|\r\nx\.csv\"", carl.get(url(run, 0), headers=HTMX).headers.get("HX-Redirect", ""))
