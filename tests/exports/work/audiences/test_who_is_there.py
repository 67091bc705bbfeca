"""Who is at the target after a run: just those who are wanted there, strangers left alone, each known once."""

import pytest

from exports.models import AudienceContainer, Export
from exports.models.states import State
from exports.work.audiences import carrier
from segments.models import Segment
from segments.warehouse.ledger import Standing
from tests.exports.work.people import execute, export, lists  # noqa: F401
from tests.exports.work.test_run import run_to_end
from tests.factories import make_export
from tests.servers.mailing_list.server import handle_of
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)
STRANGER = {"EMAIL": "stranger@example.org"}


@pytest.fixture
def everybody(export, lists):  # noqa: F811
    """The export, allowed to remove whom it likes, with a stranger in its list."""
    export.most_removals = export.tolerance = None
    export.sends_nothing = True
    export.save()
    lists.lists["Everybody"] = {STRANGER["EMAIL"]: STRANGER}
    return export


def change(environment, *statements: str) -> None:
    """Change the customers by `SET … WHERE …` or whole statements with {} for their table."""
    for statement in statements:
        execute(environment, statement if "{}" in statement else f"UPDATE {{}} {statement}")


def standings() -> dict[Standing, int]:
    """How many rows of the container's ledger have each standing."""
    query = "SELECT standing, count(*) FROM waybill_work.ledger WHERE container = %s GROUP BY 1"
    with writer() as connection:
        rows = connection.execute(query, [AudienceContainer.objects.get().pk]).fetchall()
    return {Standing(standing): count for standing, count in rows}


def names(lists) -> dict[str, str]:  # noqa: F811
    """The first name of everyone in the list but the stranger."""
    people = {email: person.get("FIRST_NAME", "") for email, person in lists.lists["Everybody"].items()}
    assert people.pop(STRANGER["EMAIL"]) == ""
    return people


def sent(lists) -> list[str]:  # noqa: F811
    """The addresses that went out since the last look, and "-" with those of removals."""
    handles = {handle_of(f"{name}@example.com"): name for name in ("ada", "bela", "chloe", "dan", "eve", "new")}
    found = [one["EMAIL"].partition("@")[0] for batch in lists.batches for one in batch["add"]]
    found += [f"-{handles[one]}" for batch in lists.batches for one in batch["remove"]]
    lists.batches.clear()
    return found


LEAVES = "DELETE FROM {} WHERE \"CustomerId\" = '%s'"
EMAIL = "SET \"Email\" = '%s' WHERE \"CustomerId\" = '%s'"
ALL = {"ada": "Ada", "bela": "Béla", "chloe": "Chloé", "dan": "=cmd()", "eve": "😀"}
SCENARIOS = {
    "nothing changes": [([], [], {})],
    "one leaves": [([LEAVES % "C1"], ["-ada"], {"ada": None})],
    "a name changes": [(["SET \"FirstName\" = 'Bé' WHERE \"CustomerId\" = 'C2'"], ["bela"], {"bela": "Bé"})],
    "an address changes": [([EMAIL % ("new@example.com", "C1")], ["new", "-ada"], {"ada": None, "new": "Ada"})],
    "an address is spelled otherwise": [([EMAIL % ("ADA@example.com ", "C1")], ["ada"], {})],
    "two share an address and either leaves": [
        ([EMAIL % ("ada@example.com", "C2")], ["-bela"], {"bela": None}),
        ([LEAVES % "C1"], [], {}),
        ([], ["ada"], {"ada": "Béla"}),
        ([LEAVES % "C2"], ["-ada"], {"ada": None}),
    ],
    "the second of two who share an address leaves": [
        ([EMAIL % ("ada@example.com", "C2")], ["-bela"], {"bela": None}),
        ([LEAVES % "C2"], [], {}),
    ],
    "two swap their addresses": [
        (
            [EMAIL % ("x", "C1"), EMAIL % ("ada@example.com", "C2"), EMAIL % ("bela@example.com", "C1")],
            ["bela", "ada"],
            {"ada": "Béla", "bela": "Ada"},
        )
    ],
    "one leaves and comes back": [
        ([EMAIL % ("", "C1")], ["-ada"], {"ada": None}),
        ([EMAIL % ("ada@example.com", "C1")], ["ada"], {"ada": "Ada"}),
    ],
    "another takes over the address of one who leaves": [
        ([LEAVES % "C1", EMAIL % ("ada@example.com", "C2")], ["ada", "-bela"], {"ada": "Béla", "bela": None})
    ],
}


@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
def test_after_each_change_just_the_difference_goes(environment, everybody, lists, name):  # noqa: F811
    assert run_to_end(everybody).state == State.SUCCEEDED
    wanted = dict(ALL)
    assert sorted(sent(lists)) == sorted(wanted)
    for statements, goes, differs in SCENARIOS[name]:
        change(environment, *statements)
        run = run_to_end(everybody)
        assert run.state in (State.SUCCEEDED, State.WARNED), run.message
        assert sorted(sent(lists)) == sorted(goes)
        wanted = {name: text for name, text in (wanted | differs).items() if text is not None}
        assert names(lists) == {f"{name}@example.com": text for name, text in wanted.items()}
        members = Segment.objects.get().member_count
        assert sum(standings().values()) == members
        assert run.rows_done + run.items[0].get("unsendable", 0) == members


def test_two_exports_on_one_list_keep_whom_the_other_wants(environment, everybody, lists):  # noqa: F811
    table = everybody.segments.get().table
    conditions = [{"field": "City", "operator": "equals", "value": "London"}]
    london = Segment.objects.create(environment=environment, table=table, name="London", conditions=conditions)
    other = make_export(environment, "Londoners", everybody.connection, segments=[london])
    Export.objects.update(most_removals=None, tolerance=None, sends_nothing=True)
    Export.objects.update(settings={"list": "Everybody"})
    for one in (everybody, other):
        one.refresh_from_db()
        assert run_to_end(one).state == State.SUCCEEDED
    assert len(sent(lists)) == 5, "who is there already is not sent by the other export"
    change(environment, "SET \"City\" = 'Leeds' WHERE \"CustomerId\" = 'C1'")
    run_to_end(other)
    assert (sent(lists), "ada@example.com" in names(lists)) == ([], True)
    change(environment, LEAVES % "C1", LEAVES % "C4")
    run_to_end(everybody)
    assert (sent(lists), "dan@example.com" in names(lists)) == (["-ada"], True)
    run_to_end(other)
    assert (sent(lists), set(names(lists))) == (["-dan"], {f"{name}@example.com" for name in ("bela", "chloe", "eve")})


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ([LEAVES % "C1"], "1 removals (20 %)"),
        ([EMAIL % ("new@example.com", "C1")], "1 removals (20 %)"),
        ([LEAVES % "C1", EMAIL % ("ada@example.com", "C2")], "1 removals (20 %)"),  # Béla's old address alone
        ([EMAIL % ("x", "C1"), EMAIL % ("ada@example.com", "C2"), EMAIL % ("bela@example.com", "C1")], ""),
    ],
)
def test_the_brake_counts_people_who_would_be_gone(environment, everybody, lists, statements, reason):  # noqa: F811
    run_to_end(everybody)
    everybody.most_removals = 10
    everybody.save()
    change(environment, *statements)
    assert run_to_end(everybody).reason == reason


def test_who_was_sent_but_not_noted_and_leaves_is_removed(environment, everybody, lists, monkeypatch):  # noqa: F811
    def dies(*_args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(carrier.ledger, "note", dies)
        run_to_end(everybody)
    assert len(sent(lists)) == 2
    everybody.runs.all().delete()
    change(environment, LEAVES % "C1")
    run_to_end(everybody)
    assert sorted(sent(lists)) == ["-ada", "bela", "chloe", "dan", "eve"]
    assert set(names(lists)) == {f"{name}@example.com" for name in ("bela", "chloe", "dan", "eve")}


def test_who_was_rejected_is_sent_again_once_the_data_changed(environment, everybody, lists):  # noqa: F811
    lists.rejects = {"dan@example.com"}
    run = run_to_end(everybody)
    assert (run.state, run.rows_done, run.items[0]["rejected"]) == (State.WARNED, 4, 1)
    sent(lists)
    lists.rejects = set()
    assert (run_to_end(everybody).items[0]["rejected"], sent(lists)) == (1, [])
    change(environment, "SET \"FirstName\" = 'Dan' WHERE \"CustomerId\" = 'C4'")
    run = run_to_end(everybody)
    assert (run.state, run.rows_done, sent(lists)) == (State.SUCCEEDED, 5, ["dan"])


def test_nothing_that_is_kept_holds_a_clear_value(environment, everybody, lists):  # noqa: F811
    run_to_end(everybody)
    change(environment, LEAVES % "C1")
    with writer() as connection:
        kept = connection.execute("SELECT string_agg(l::text, ' ') FROM waybill_work.ledger l").fetchone()[0]
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'waybill_work'::regnamespace AND relname LIKE 'plan%'"
        ).fetchall()
    assert (tables, [word for word in ("ada@", "example.com", "Chloé") if word in kept]) == ([], [])
    assert AudienceContainer.objects.get().vendor_id == "Everybody"


def test_who_lacks_a_required_value_is_told_of_and_sent_once_it_is_there(environment, everybody, lists):  # noqa: F811
    change(environment, EMAIL % ("", "C4"))
    run = run_to_end(everybody)
    assert (run.state, run.reason, run.rows_done) == (State.WARNED, "1 not sendable", 4)
    assert str(run.message).startswith("1 person could not be sent: a required value is missing or invalid.")
    sent(lists)
    change(environment, EMAIL % ("dan@example.com", "C4"))
    assert (run_to_end(everybody).state, sent(lists)) == (State.SUCCEEDED, ["dan"])
