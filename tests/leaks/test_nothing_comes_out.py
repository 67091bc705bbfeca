"""Planted secrets come out nowhere: no page, form, log, mail, command, admin page, audit row, task or dump."""

import logging
from collections.abc import Iterator

import pytest

from tests.leaks.scanning import found
from tests.leaks.story import ACCOUNT, FILE, FOLDER, FROM_FILE, FROM_VARIABLE, HOST, PLACE, PLACES, VARIABLE, Story
from tests.servers.sshd import running_sshd

pytestmark = [pytest.mark.long, pytest.mark.django_db]

# What each place shows of the same objects: where that is not found, the secrets could not be either.
VISIBLE = {
    "log in": "VisibleUserName",
    "forms": "VisiblePartnerName",
    "tests": "VisiblePartnerName",
    "channels": "VisibleChannelName1",
    "debug page": "AttributeError",
    "error mail": "visibleErrorPath",
    "administrator": "VisiblePartnerName",
    "contributor": "VisiblePartnerName",
    "viewer": "VisiblePartnerName",
    "admin": "VisiblePartnerName",
    "commands": "VisibleUnreadableName",
    "audit": "VisiblePartnerName",
    "dump": "VisiblePartnerName",
    "logs": "VisibleDebugLine",
}


@pytest.fixture(scope="module")
def story(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Story]:
    from django.test import override_settings

    from roles.secrets import key_file
    from tests.emptying import empty_what_was_filled

    place = tmp_path_factory.mktemp("leaks")
    (place / "vault").mkdir()
    (place / "vault" / FILE).write_text(FROM_FILE + "\n")
    key_file.replace(touched(place / "keys"), [key_file.new_key()])
    own = {"SECRETS_KEYS": [], "SECRETS_KEYS_FILE": place / "keys", "SECRETS_DIR": place / "vault"}
    with (
        django_db_blocker.unblock(),
        override_settings(**own),
        pytest.MonkeyPatch.context() as patch,
        running_sshd(place / PLACE) as sshd,
        everything_logged(place / "log"),
    ):
        patch.setenv(VARIABLE, FROM_VARIABLE)
        told = Story(sshd, place / "vault", place / "log")
        told.happen()
        yield told
        empty_what_was_filled()


def touched(path):
    path.touch()
    return path


class everything_logged:
    """Write what every logger says into a file, the database's too; the processes that carry runs out do so as well."""

    def __init__(self, path) -> None:
        self.handler = logging.FileHandler(path)

    def __enter__(self) -> None:
        root = logging.getLogger()
        self.level = root.level
        root.setLevel(logging.DEBUG)
        root.addHandler(self.handler)
        self.handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
        logging.getLogger("VisibleDebugLine").debug("captured")

    def __exit__(self, *error: object) -> None:
        root = logging.getLogger()
        root.setLevel(self.level)
        root.removeHandler(self.handler)
        self.handler.close()


@pytest.mark.parametrize("where", VISIBLE)
def test_no_secret_comes_out(story, where):
    assert found([VISIBLE[where]], story.seen[where]), f"the scan of {where} is blind"
    assert found(story.secrets, story.seen[where]) == set()


@pytest.mark.parametrize("role", ["contributor", "viewer"])
def test_where_a_connection_leads_reaches_administrators_alone(story, role):
    assert found(PLACES, story.seen["administrator"]) == set(PLACES)
    assert found(PLACES, story.seen[role]) == set()
    assert story.sshd.host_key.split()[1] not in story.seen[role]
    assert f'"{story.sshd.port}"' not in story.seen[role]


def test_the_story_really_happened(story):
    assert story.states == ["failed", "failed", "succeeded"]
    assert story.partner.secrets == {"private_key": story.sshd.private_key().strip()}
    checks = {one.name: one.is_check_ok for one in type(story.partner).objects.all()}
    assert checks["VisiblePartnerName"] is True
    assert [checks["VisibleWrongenv"], checks["VisibleWrongfil"], checks["VisibleLostName"]] == [False] * 3
    assert set(VISIBLE) == set(story.seen)
    assert {ACCOUNT, FOLDER, HOST} <= found(PLACES, story.seen["dump"])
