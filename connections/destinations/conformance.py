"""The contract of file stores as tests; other packages run them against their types (docs/destinations.md).

Subclass `FileConformance` in a test module and give it a pytest fixture `store`. Nothing here needs pytest itself.
"""

import hashlib
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.forms import BoundField

from connections.destinations.base import DeliveryError, FileDestination, FileSession, Part, SettingsForm

RUN, ATTEMPT, SECOND_ATTEMPT, OTHER_RUN = "0a1b2c3d", "0a1b2c3d-01", "0a1b2c3d-02", "4e5f6a7b-01"
FOLDER, PATH = "Export/Customers", "Export/Customers/c_1.csv"
UNSAFE = ["../f.csv", "a/../../f.csv", "/etc/f.csv", "a//f.csv", ".", "..", "", "a\\..\\f.csv", "a\0b"]
NAMES = ["a b.csv", "ü_é.csv", "e\u0301.csv", "日本語_1.csv", "=cmd.csv", "x" * 80 + "_1.csv.gz"]


class Store(ABC):
    """A connection of the type under test, and another way to what is at its target."""

    destination: FileDestination
    private: tuple[str, ...] = ()  # host, account, folder: what no message for everyone may say

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """All files below the connection's folder by path, hidden ones too."""

    @abstractmethod
    def put(self, path: str, data: bytes) -> None:
        """Write a file at the target as somebody else would."""

    @abstractmethod
    def broken(self) -> FileDestination:
        """A destination of the same type whose target cannot be reached."""


@dataclass
class FolderStore(Store):
    """A store whose files are in a folder of this machine."""

    destination: FileDestination
    folder: Path
    break_: Callable[[], FileDestination]
    private: tuple[str, ...] = ()

    def files(self) -> dict[str, bytes]:
        """All files of the folder."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }

    def put(self, path: str, data: bytes) -> None:
        """Write a file into the folder."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def broken(self) -> FileDestination:
        """What `break_` returns."""
        return self.break_()


class FileConformance:
    """The promises of docs/destinations.md."""

    # The declaration, and the form

    def test_the_declaration_is_complete(self, store: Store) -> None:
        """Screens, tile and help page find what they need."""
        type_ = type(store.destination)
        assert re.fullmatch(r"[a-z][a-z0-9_-]*", type_.slug), "The slug stands in addresses: small letters and digits."
        assert all(str(text).strip() for text in (type_.label, type_.summary)), "Give it a label and a summary."
        assert 1 <= len(type_.monogram) <= 2, "One or two letters stand on the tile."
        assert type_.takes or type_.takes_tables, "It takes nothing."
        assert type_.check_steps, "Say in `check_steps` what a test tries."
        assert issubclass(type_.settings_form, SettingsForm)
        assert issubclass(type_.export_form, SettingsForm)
        fields = set(type_.settings_form.base_fields)
        assert set(type_.secret_fields) <= fields, "A secret field is not in the form."
        assert {*(type_.settings_form.target_settings or ())} <= fields | set(store.destination.settings)
        assert all(section.title and section.paragraphs for section in type_.help_sections)
        assert type_.is_available() == (not type_.why_unavailable())

    def test_a_form_that_is_opened_and_saved_changes_nothing(self, store: Store) -> None:
        """What is stored fills the form; sent back as it is, it gives the same settings and keeps the secrets."""
        given, kept = store.destination.settings, frozenset(store.destination.secrets)
        make, secrets = type(store.destination).settings_form, set(type(store.destination).secret_fields)
        shown = make(stored=given, kept_secrets=kept)
        data = {name: shown[name].value() for name in shown.fields if name not in secrets}
        form = make({name: value for name, value in data.items() if value is not None}, stored=given, kept_secrets=kept)
        assert form.is_valid(), form.errors
        assert form.question is None, "Nothing has changed, so nothing is to be confirmed."
        cleaned = {name: value for name, value in form.cleaned_data.items() if name not in secrets}
        assert {name: value for name, value in cleaned.items() if name in given} == {
            name: value for name, value in given.items() if name in cleaned
        }
        json.dumps(cleaned)

    def test_secrets_are_in_no_page_and_in_no_text(self, store: Store) -> None:
        """Neither what is stored nor what was typed is written into a form."""
        destination, make = store.destination, type(store.destination).settings_form
        typed = {name: f"typed {name} 4711" for name in type(destination).secret_fields}
        form = make(typed, stored=destination.settings, kept_secrets=frozenset(destination.secrets))
        bound: list[BoundField] = [form[name] for name in form.fields]
        page = "".join(str(one) for one in bound)
        for secret in (*destination.secrets.values(), *typed.values()):
            assert secret not in page
            assert secret not in repr(destination)

    # The test of a connection

    def test_a_check_does_every_step_and_leaves_nothing(self, store: Store) -> None:
        """All steps in their order."""
        before = store.files()
        steps = list(store.destination.check())
        assert [step.state for step in steps] == ["done"] * len(steps), steps
        assert [step.name for step in steps] == [str(name) for name in type(store.destination).check_steps]
        assert store.files() == before

    def test_a_check_stops_at_the_step_that_failed(self, store: Store) -> None:
        """The step says what to do, and the details are for administrators."""
        *before, last = store.broken().check()
        assert [step.state for step in before] == ["done"] * len(before)
        assert last.state == "failed"
        assert str(last.message)
        assert str(last.detail)
        self._says_nothing_private(store, str(last.message))

    # Writing

    def test_a_file_is_hidden_until_it_is_published(self, store: Store) -> None:
        """Then it has its name and its bytes, and nothing else is left."""
        with store.destination.session(ATTEMPT) as session:
            part = _written(session, PATH, b"a,b\n1,2\n")
            hidden = [path.rpartition("/")[2] for path in store.files()]
            assert all(name.startswith(".") and RUN in name for name in hidden), hidden
            assert not session.exists(PATH)
            part.publish()
            assert session.exists(PATH)
            assert session.checksum_of(PATH) == hashlib.sha256(b"a,b\n1,2\n").hexdigest()
            session.release_claims(FOLDER)
            part.discard()
        assert store.files() == {PATH: b"a,b\n1,2\n"}

    def test_an_empty_file_and_a_large_one_arrive_as_they_were(self, store: Store) -> None:
        """Pieces may be of any size."""
        large = os.urandom(12_345_678)
        for name, data, size in (("empty", b"", 1), ("small", b"xyz", 1), ("large", large, 1_000_000)):
            with store.destination.session(ATTEMPT) as session:
                part = session.open_part(f"{FOLDER}/{name}")
                for start in range(0, len(data), size):
                    part.write(data[start : start + size])
                part.publish()
                session.release_claims(FOLDER)
        found = store.files()
        assert set(found) == {f"{FOLDER}/{name}" for name in ("empty", "small", "large")}
        assert (found[f"{FOLDER}/empty"], found[f"{FOLDER}/small"]) == (b"", b"xyz")
        assert found[f"{FOLDER}/large"] == large

    def test_several_files_may_be_open_at_once(self, store: Store) -> None:
        """A run writes all its files before it publishes the first."""
        with store.destination.session(ATTEMPT) as session:
            parts = [session.open_part(f"{FOLDER}/{name}") for name in "abc"]
            for block in range(100):
                for part in parts:
                    part.write(bytes([block]) * 40_000)
            for part in parts:
                part.publish()
            session.release_claims(FOLDER)
        whole = b"".join(bytes([block]) * 40_000 for block in range(100))
        assert store.files() == {f"{FOLDER}/{name}": whole for name in "abc"}

    def test_names_are_taken_as_they_are_spelled(self, store: Store) -> None:
        """Letters of all scripts, signs and blanks; long ones have room for the hidden name."""
        for name in NAMES:
            _deliver(store, f"{FOLDER}/{name}", name.encode())
        assert store.files() == {f"{FOLDER}/{name}": name.encode() for name in NAMES}
        with store.destination.session(ATTEMPT) as session:
            assert all(session.exists(f"{FOLDER}/{name}") for name in NAMES)

    def test_a_path_that_could_leave_the_folder_is_refused(self, store: Store) -> None:
        """Whatever is asked of it."""
        with store.destination.session(ATTEMPT) as session:
            for path in UNSAFE:
                for attempt in (session.open_part, session.exists, session.clear_leftovers, session.checksum_of):
                    with _refused() as error:
                        attempt(path)
                    assert error[0].permanent
        assert store.files() == {}

    # Canceled and dead runs

    def test_a_discarded_file_leaves_nothing(self, store: Store) -> None:
        """It may be discarded twice."""
        with store.destination.session(ATTEMPT) as session:
            part = _written(session, PATH, b"x" * 1_000_000)
            part.discard()
            part.discard()
            assert not session.exists(PATH)
        assert store.files() == {}

    def test_a_run_that_is_canceled_shows_no_file_and_another_attempt_clears_up(self, store: Store) -> None:
        """Nothing is published or discarded: the process is gone."""
        dead = _abandoned(store, PATH)
        assert PATH not in store.files()
        with store.destination.session(SECOND_ATTEMPT) as session:
            session.clear_leftovers(FOLDER)
            assert store.files() == {}
        dead.discard()

    def test_leftovers_of_this_run_are_cleared_and_nothing_else(self, store: Store) -> None:
        """Neither those of other runs nor files that look alike; a folder that is not there has none."""
        alike = [f"c_1.csv.{ATTEMPT}.part", ".c_1.csv.part", f".c_1.csv.other{RUN}-01.part", "c_1.csv"]
        for name in alike:
            store.put(f"{FOLDER}/{name}", b"theirs")
        dead = [_abandoned(store, f"{FOLDER}/o_1.csv", key=OTHER_RUN)]
        kept = set(store.files())
        dead.append(_abandoned(store, f"{FOLDER}/m_1.csv"))
        with store.destination.session(SECOND_ATTEMPT) as session:
            session.clear_leftovers(FOLDER)
            session.clear_leftovers("not/there")
        assert set(store.files()) == kept
        for part in dead:
            part.discard()

    def test_all_that_a_run_left_is_cleared_by_another_one(self, store: Store) -> None:
        """Parts and claims of the run that is over; what it published stays."""
        _deliver(store, PATH, b"published", settles=False)
        dead = _abandoned(store, f"{FOLDER}/c_2.csv")
        with store.destination.session(OTHER_RUN) as other:
            other.clear_run(RUN, FOLDER, "not/there")
        assert store.files() == {PATH: b"published"}
        dead.discard()

    def test_what_a_dead_attempt_left_complete_is_published(self, store: Store) -> None:
        """With the key of that attempt: a new name as well as one that may be replaced."""
        old, new = hashlib.sha256(b"old").hexdigest(), hashlib.sha256(b"new").hexdigest()
        for path, replaceable in ((PATH, frozenset[str]()), (f"{FOLDER}/model.json", frozenset({old}))):
            if replaceable:
                store.put(path, b"old")
            with suppress(KeyboardInterrupt), store.destination.session(ATTEMPT) as session:
                dead = _written(session, path, b"new", replaceable)
                dead.complete()
                raise KeyboardInterrupt
            with store.destination.session(ATTEMPT) as session:
                assert not session.has(path, 3, new)
                assert session.left_part(path, 3, old) is None
                assert session.left_part(f"{FOLDER}/other", 3, new) is None
                part = session.left_part(path, 3, new, replaceable=replaceable)
                assert part is not None
                part.publish()
                assert session.has(path, 3, new)
                assert not session.has(path, 3, old)
                assert not session.has(FOLDER, 3, new)
                assert session.left_part(path, 3, new) is None
                session.release_claims(FOLDER)
            dead.discard()
        assert set(store.files().values()) == {b"new"}
        assert set(store.files()) == {PATH, f"{FOLDER}/model.json"}

    # Replacing

    def test_a_foreign_file_is_never_replaced(self, store: Store) -> None:
        """The run is refused for good."""
        store.put(PATH, b"theirs")
        with store.destination.session(ATTEMPT) as session:
            part = _written(session, PATH, b"ours")
            with _refused("was not written by this run") as error:
                part.publish()
            part.discard()
        assert error[0].permanent
        self._says_nothing_private(store, str(error[0].message))
        assert store.files() == {PATH: b"theirs"}

    def test_a_run_may_redo_its_own_file_until_it_is_settled(self, store: Store) -> None:
        """In any attempt; another run may not."""
        _deliver(store, PATH, b"first", settles=False)
        _deliver(store, PATH, b"second", key=SECOND_ATTEMPT, settles=False)
        with _refused("was not written by this run"):
            _deliver(store, PATH, b"other", key=OTHER_RUN)
        with store.destination.session(SECOND_ATTEMPT) as session:
            session.release_claims(FOLDER, "not/there")
        assert store.files() == {PATH: b"second"}
        with _refused("was not written by this run"):
            _deliver(store, PATH, b"third")
        assert store.files() == {PATH: b"second"}

    def test_a_file_whose_checksum_is_known_is_replaced(self, store: Store) -> None:
        """Also an empty one, and by an empty one; a free name is taken whatever might be replaced."""
        for number, (data, replaceable) in enumerate([(b"first", b"older"), (b"", b"first"), (b"last", b"")]):
            _deliver(store, PATH, data, replaceable=[b"older", replaceable], key=f"{number}a-01")
            assert store.files() == {PATH: data}

    def test_a_file_that_was_changed_since_is_not_replaced(self, store: Store) -> None:
        """The refusal names no place and leaves everything as it was."""
        _deliver(store, PATH, b"ours")
        store.put(PATH, b"ours, edited")
        with _refused("was not written by this export, or was changed since") as error:
            _deliver(store, PATH, b"new", replaceable=[b"ours"], key=OTHER_RUN)
        assert error[0].permanent
        assert store.files() == {PATH: b"ours, edited"}

    def test_a_second_attempt_replaces_what_the_first_one_published(self, store: Store) -> None:
        """Unless somebody changed it; another run refuses what a dead run published."""
        _deliver(store, PATH, b"old", key=OTHER_RUN)
        _deliver(store, PATH, b"attempt 1", replaceable=[b"old"], settles=False)
        with _refused("changed since"):
            _deliver(store, PATH, b"other", replaceable=[b"old"], key="9c-01")
        _deliver(store, PATH, b"attempt 2", replaceable=[b"old"], key=SECOND_ATTEMPT, settles=False)
        assert store.files()[PATH] == b"attempt 2"
        store.put(PATH, b"edited")
        with _refused("changed since"):
            _deliver(store, PATH, b"attempt 3", replaceable=[b"old"], key=f"{RUN}-03")
        assert store.files()[PATH] == b"edited"

    # Reading

    def test_a_delivered_file_is_read_again(self, store: Store) -> None:
        """Whole and in order, where the type lets people download."""
        if not type(store.destination).can_download:
            return
        for data in (b"", b"x", os.urandom(3_000_000)):
            store.put(PATH, data)
            with store.destination.open_file(PATH) as file:
                assert file.size == len(data)
                assert b"".join(file.chunks()) == data

    def test_a_file_that_is_gone_is_said_to_be(self, store: Store) -> None:
        """So is a path that could leave the folder refused."""
        if not type(store.destination).can_download:
            return
        for path in (PATH, "not/there.csv", *UNSAFE):
            with _refused() as error, store.destination.open_file(path) as file:
                list(file.chunks())
            assert error[0].permanent
            self._says_nothing_private(store, str(error[0].message))
        assert store.files() == {}

    # Errors

    def test_a_target_out_of_reach_is_an_error_for_people_with_details_for_administrators(self, store: Store) -> None:
        """No other error comes out, and none that names the place to everyone."""
        with _refused() as error, store.broken().session(ATTEMPT) as session:
            _written(session, PATH, b"x").publish()
        assert str(error[0].message)
        assert str(error[0].detail)
        self._says_nothing_private(store, str(error[0].message))

    def _says_nothing_private(self, store: Store, message: str) -> None:
        assert [word for word in store.private if word in message] == [], message


@contextmanager
def _refused(words: str = "") -> Iterator[list[DeliveryError]]:
    """Expect a DeliveryError with `words` in its message; the list holds it afterwards."""
    found: list[DeliveryError] = []
    try:
        yield found
    except DeliveryError as refusal:
        found.append(refusal)
    assert found, "No DeliveryError was raised."
    assert words in str(found[0].message), found[0].message


def _written(session: FileSession, path: str, data: bytes, replaceable: frozenset[str] = frozenset()) -> Part:
    part = session.open_part(path, replaceable=replaceable)
    part.write(data)
    return part


def _abandoned(store: Store, path: str, key: str = ATTEMPT) -> Part:
    """Write half a file and leave the session like a killed run; discard the part at the end."""
    with suppress(KeyboardInterrupt), store.destination.session(key) as session:
        part = _written(session, path, b"half")
        raise KeyboardInterrupt
    return part


def _deliver(
    store: Store,
    path: str,
    data: bytes,
    *,
    replaceable: list[bytes] | None = None,
    key: str = ATTEMPT,
    settles: bool = True,
) -> None:
    """Deliver one file as a run does; `replaceable` are the contents that it may replace."""
    checksums = frozenset(hashlib.sha256(one).hexdigest() for one in replaceable or [])
    folder = path.rpartition("/")[0]
    with store.destination.session(key) as session:
        session.clear_leftovers(folder)
        part = _written(session, path, data, checksums)
        try:
            part.publish()
        except DeliveryError:
            part.discard()
            raise
        if settles:
            session.release_claims(folder)
