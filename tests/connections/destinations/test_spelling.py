"""Folders of an SFTP connection as people write them: understood or refused, never taken literally in silence."""

import pytest

from connections.destinations.files import spelling
from connections.destinations.sftp.destination import Sftp
from connections.models import Connection
from tests.connections.destinations.sftp.test_sftp_form import form_for, set_up, url
from tests.factories import make_connection
from tests.servers.odd_sftp import PASSWORD


@pytest.mark.parametrize(
    "written, understood",
    [
        ("", ""), ("~", ""), ("~/", ""), ("~/in", "in"), ("~/in/Müller GmbH", "in/Müller GmbH"), ("/in", "/in"),
        ("in/deep", "in/deep"), ("/C:/In", "/C:/In"), ("/in/50% off", "/in/50% off"), ("/in/a:b", "/in/a:b"),
        ("/in/price$", "/in/price$"), ("/in/foo~", "/in/foo~"),
    ],
)  # fmt: skip
def test_a_folder_is_the_one_that_was_meant(written, understood):
    assert spelling.problem(written) == ""
    assert spelling.understood(written) == understood


@pytest.mark.parametrize(
    "written, said",
    [
        (r"\in\shop", "Separate folders with /, e.g. /in/shop."),
        (r"in\shop", "e.g. in/shop."),
        (r"~\in", "e.g. ~/in."),
        (r"C:\In", "without a drive letter, as the server shows it, e.g. /In."),
        ("c:/In/Deep", "e.g. /In/Deep."),
        ("D:", "e.g. /upload."),
        ("sftp://host/in", "Enter only the folder, e.g. /in."),
        ("SFTP://shop@host:2222/in/deep", "e.g. /in/deep."),
        ("ftps://host", "e.g. /upload."),
        ("sftp:/in", "e.g. /in."),
        ("shop@sftp.example.com:/in", "e.g. /in."),
        ("%HOME%/in", "does not replace variables"),
        ("$HOME/in", "does not replace variables"),
        ("/in/${DATE}", "does not replace variables"),
        ("/in/{{ date }}", "does not replace variables"),
        ("~shop/in", "“~” is only allowed at the beginning"),
        ("/~/in", "“~” is only allowed at the beginning"),
        ('"/in"', "without quotation marks: /in"),
        ("/in/../etc", "without “..”"),
        ("~/../etc", "without “..”"),
    ],
)
def test_what_a_server_would_take_literally_is_refused_with_what_to_write(written, said):
    assert said in spelling.problem(written)


def test_the_form_keeps_the_login_folder_and_refuses_the_rest(environment, as_ada, demo_sftp):
    connection = set_up(as_ada, environment, _At(demo_sftp, "~/in"), password=PASSWORD)
    assert connection.settings["folder"] == "in"
    form = form_for(_At(demo_sftp, r"\in\shop"), **{"settings-password": PASSWORD})
    answer = as_ada.post(url(environment, "set_up", type_="sftp"), form)
    assert answer.status_code == 422
    assert "e.g. /in/shop" in answer.content.decode()
    assert Connection.objects.count() == 1


def test_a_stored_folder_keeps_working_and_the_test_tells_of_its_spelling(environment, as_ada, odd_server, tmp_path):
    account = odd_server.account(tmp_path)
    settings = odd_server.settings(account, folder="~/in")
    connection = make_connection(environment, "Old", type="sftp", settings=settings)
    connection.set_secrets({"password": PASSWORD})
    connection.save()
    steps = list(connection.open().check())
    assert all(step.state == "done" for step in steps)
    assert "took its name literally" in steps[4].message
    assert (tmp_path / "~/in").is_dir()
    form = form_for(_At(_Settings(settings), "~/in"), name="Renamed")
    assert as_ada.post(url(environment, "edit", pk=connection.pk), form).status_code == 302
    connection.refresh_from_db()
    assert (connection.name, connection.settings) == ("Renamed", settings)


def test_a_folder_below_the_login_folder_is_where_a_log_in_starts(odd_server, tmp_path):
    way = Sftp(odd_server.settings(odd_server.account(tmp_path), folder="in"), {"password": PASSWORD})
    assert [step.message for step in way.check()][4] == "The folder exists."
    assert (tmp_path / "in").is_dir()


class _Settings:
    def __init__(self, values) -> None:
        self.values = values

    def settings(self, **changes):
        return self.values | changes


class _At:
    """A server, with another folder."""

    def __init__(self, server, folder: str) -> None:
        self.server, self.folder = server, folder

    def settings(self):
        return self.server.settings(folder=self.folder)
