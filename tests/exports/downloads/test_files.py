"""Delivered files from the portal: exact bytes, safe for spreadsheets, only for those who may, and clear refusals."""

import csv
import gzip
import hashlib
import io
import json
import re
import socket
import threading
from contextlib import ExitStack, closing, contextmanager
from html import unescape

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from django.urls import reverse

from config.web.bounds import Bounds
from config.web.server import House
from config.wsgi import application
from connections.destinations.base import DeliveryError
from connections.models import Connection, Sharing
from exports import actions
from exports.downloads import download
from exports.models import Run
from exports.work.watch import work_until_idle
from roles.models import AuditEvent
from roles.net import downloads
from roles.roles import Role
from tests.exports.work.data_out import make_data_out
from tests.factories import client_of, folder_of, make_connection, make_export, make_member
from tests.until import until

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true"}


@pytest.fixture
def export(environment, shared, segment):
    return make_export(environment, "Calls", shared, [segment], settings={"compression": "gzip"})


@pytest.fixture
def run(export):
    return run_of(export)


def run_of(export):
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
    return next(index for index, file in enumerate(run.files) if file["role"] == "data")


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
    assert response.headers["Content-Type"] == "application/gzip"


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
    assert "You need edit permission for this export to download its files." in page
    assert url(run, 0) not in page
    assert vera.get(url(run, 0)).status_code == 403


@pytest.mark.parametrize("index", [99, 10**15])
def test_only_files_of_the_run_can_be_had(carl, run, index):
    assert carl.get(url(run, index)).status_code == 404


def test_a_file_that_is_gone_is_said_to_be(carl, run):
    delivered(run, 0).unlink()
    assert "no longer exists" in refusal(carl, run)


@pytest.mark.parametrize("change", [lambda data: data + b"more", lambda data: data[:-1] + b"!"])
def test_a_file_with_other_bytes_is_not_the_one_that_was_delivered(carl, run, change):
    path = delivered(run, 0)
    path.write_bytes(change(path.read_bytes()))
    assert f"{path.name} was changed after delivery." in refusal(carl, run)


@pytest.mark.parametrize("query", [{}, {"as": "spreadsheet"}])
def test_a_big_file_with_other_bytes_breaks_off(carl, run, query):
    data = deliver_big(run, name="big.csv")
    path = delivered(run, 0)
    assert download.file_name(path.name) == "big.csv"
    path.write_bytes(data[:-2] + b"X\n")
    response = carl.get(url(run), query)
    sent = []
    with pytest.raises(DeliveryError, match="was changed after delivery"):
        sent.extend(response.streaming_content)
    response.close()
    path.write_bytes(data)
    whole = body(carl.get(url(run), query))
    assert whole.count(b"\n") == data.count(b"\n")
    assert 0 < sum(map(len, sent)) < len(whole)
    assert whole.startswith(b"".join(sent))


def deliver_big(run, name, size=download.LOOKED_AT_FIRST):
    """Put a file of more than `size` bytes in the place of the run's first one; return its bytes."""
    data = b"Id,Text\n" + b"1,some words that fill the line\n" * (size // 32 + 1)
    path = run.files[0]["path"].rpartition("/")[0] + f"/{name}"
    run.files[0] |= {"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    run.save()
    delivered(run, 0).write_bytes(data)
    return data


def test_model_json_of_an_older_run_was_replaced_by_the_newest(carl, environment, shared, table):
    export = make_data_out(environment, [table], name="Whole", connection=shared)
    older, newest = run_of(export), run_of(export)
    at = next(index for index, file in enumerate(older.files) if file["role"] == "model")
    assert hashlib.sha256(body(carl.get(url(newest, at)))).hexdigest() == newest.files[at]["sha256"]
    assert refusal(carl, older, at) == ("A later run replaced model.json. Download it from the latest run.")
    assert body(carl.get(url(older, data_file(older))))
    page = carl.get(url(older, name="run_progress")).content.decode()
    assert url(older, data_file(older)) in page
    assert f'"{url(older, at)}"' not in page
    assert "Replaced by a later run." in page
    assert f'"{url(newest, at)}"' in carl.get(url(newest, name="run_progress")).content.decode()


def test_model_json_that_somebody_changed_was_not_replaced_by_a_run(carl, environment, shared, table):
    run = run_of(make_data_out(environment, [table], name="Whole", connection=shared))
    at = next(index for index, file in enumerate(run.files) if file["role"] == "model")
    delivered(run, at).write_bytes(b" " * run.files[at]["bytes"])
    assert "model.json was changed after delivery." in refusal(carl, run, at)


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


def test_only_so_many_downloads_go_on_at_once_and_places_become_free(environment, carl, run):
    others = [client_of(make_member(environment, Role.CONTRIBUTOR)) for _ in range(downloads.MOST_AT_ONCE)]
    going_on = [other.get(url(run, 0)) for other in others]
    assert "Too many downloads are in progress." in refusal(carl, run)
    for response in going_on:
        response.close()
    assert body(carl.get(url(run, 0)))
    for _ in range(5):
        delivered(run, 0).unlink(missing_ok=True)
        refusal(carl, run)
    assert body(carl.get(url(run, 1)))


@pytest.fixture
def slots(monkeypatch):
    """As many places in this process as anybody wants."""
    monkeypatch.setattr(downloads, "_slots", threading.BoundedSemaphore(100))


def test_a_person_has_two_downloads_at_once(environment, carl, run, slots):
    going_on = [carl.get(url(run, 0)) for _ in range(downloads.MOST_OF_A_PERSON)]
    assert refusal(carl, run) == (
        "Two of your downloads are in progress. Wait until one ends or cancel it, then try again."
    )
    assert body(client_of(make_member(environment, Role.CONTRIBUTOR)).get(url(run, 0)))
    going_on[0].close()
    assert body(carl.get(url(run, 0)))
    going_on[1].close()


def test_a_person_s_downloads_in_other_processes_count(carl, run, slots):
    person = int(carl.session["_auth_user_id"])
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        for number in range(downloads.MOST_OF_A_PERSON):
            place = f"waybill:download:{person}:{number}"
            other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [place])
        assert "Two of your downloads are in progress." in refusal(carl, run)
    assert until(lambda: carl.get(url(run, 0)).streaming)


def test_a_download_writes_nothing_to_the_data_directory(carl, run, monkeypatch, tmp_path):
    monkeypatch.setattr(settings, "DATA_DIR", tmp_path / "nowhere")
    assert body(carl.get(url(run, 0)))
    assert not settings.DATA_DIR.exists()


@pytest.mark.long
def test_browsers_that_do_not_read_give_their_places_back(environment, carl, run):
    deliver_big(run, "big.csv")
    people = [client_of(make_member(environment, Role.CONTRIBUTOR)) for _ in range(downloads.MOST_AT_ONCE)]
    with ExitStack() as stack:
        house = stack.enter_context(serving(Bounds(send_seconds=3.0)))  # time for the others to begin
        browsers = [stack.enter_context(closing(asked(house, person, url(run)))) for person in people]
        assert [browser.recv(12) for browser in browsers] == [b"HTTP/1.1 200"] * len(people)
        assert "Too many downloads are in progress." in carl.get(url(run), headers=HTMX).headers["HX-Trigger"]
        until(lambda: not house.channels)
        assert body(until(lambda: (answer := carl.get(url(run))).streaming and answer))


class Answer:
    """The portal's answer to one request; the thread's connection to the database ends with it."""

    def __init__(self, environ, start_response):
        self.answer = application(environ, start_response)

    def __iter__(self):
        return iter(self.answer)

    def close(self):
        try:
            self.answer.close()
        finally:
            connections.close_all()


@contextmanager
def serving(bounds):
    """The portal in the web server, with small buffers so that a browser that does not read is felt."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)

    house = House(Answer, [listener], bounds, most_body=1 << 20)
    house.address = listener.getsockname()
    thread = threading.Thread(target=house.run)
    thread.start()
    try:
        yield house
    finally:
        house.stop()
        thread.join(60)
        house.close()


def asked(house, person, path):
    """A browser of `person` that has asked for `path`."""
    browser = socket.socket()
    browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    browser.connect(house.address)
    cookie = f"{settings.SESSION_COOKIE_NAME}={person.cookies[settings.SESSION_COOKIE_NAME].value}"
    browser.sendall(f"GET {path} HTTP/1.1\r\nHost: testserver\r\nCookie: {cookie}\r\n\r\n".encode())
    return browser


def test_what_is_shown_is_text(carl, run):
    run.files[0]["path"] = "<script>alert(1)</script>/\"';\r\nx.csv"
    run.save()
    page = carl.get(url(run, name="run_progress")).content.decode()
    assert "<script>alert" not in page
    assert not re.search(r"HTTP|\r\nx\.csv\"", carl.get(url(run, 0), headers=HTMX).headers.get("HX-Redirect", ""))


def test_files_that_an_unshared_connection_delivered_stay_out_of_reach_once_the_export_moved(
    environment, export, run, carl
):
    moved = make_connection(environment, "New", type=export.connection.type, settings=export.connection.settings)
    Connection.objects.filter(pk=export.connection_id).update(sharing=Sharing.NOBODY)
    export.connection = moved
    export.save()
    for headers in ({}, HTMX):
        assert carl.get(url(run), headers=headers).status_code == 403
    shown = carl.get(url(run, name="run_progress")).content.decode()
    assert "These files were delivered through a connection that is not shared with you." in shown
    assert url(run) not in shown
    ada = client_of(make_member(environment, Role.ADMINISTRATOR, "ann"))
    assert body(ada.get(url(run)))
