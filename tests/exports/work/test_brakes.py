"""What makes a run wait for a person: the decision by itself, then with real rows and a real folder."""

import pytest
from django.utils import translation

from exports import actions
from exports.models import Export, Run
from exports.models.states import State
from exports.work import brakes as module
from exports.work.brakes import Bounds, Count, Former, Removals, brakes, change, former_run
from exports.work.watch import work_until_idle
from roles.messages.field import out_of_json
from segments.models import Segment
from tests.factories import folder_of, make_export, make_segment, make_table
from tests.warehouse import writer

VIP, ALL = ("segment", 1, False), ("segment", 2, False)
DEFAULT = Bounds(tolerance=50, most_removals=10, sends_nothing=False)


def counts(**rows):
    keys = {"VIP": VIP, "Everybody": ALL}
    return [Count(keys[name], name, count) for name, count in rows.items()]


def sent(*rows, key=VIP):
    """Former runs of one item, the newest first."""
    return [Former({key: count}) for count in rows]


def kinds(found):
    return [one.brake for one in found]


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


class TestNothingToSend:
    def test_a_run_without_any_row_is_held_even_the_first_time(self):
        (brake,) = brakes(counts(VIP=0, Everybody=0), [], DEFAULT)
        assert brake.text == "There is nothing to send: “VIP”, “Everybody” are empty"
        assert brake.short == "nothing to send"

    def test_an_item_that_became_empty_is_told_with_what_it_had(self):
        formers = [Former({VIP: 12_040, ALL: 5})]
        (brake,) = brakes(counts(VIP=0, Everybody=5), formers, DEFAULT)
        assert brake.text == "“VIP” became empty: 12,040 → 0 (−100 %)"

    def test_one_of_several_that_was_empty_before_goes(self):
        assert not brakes(counts(VIP=0, Everybody=5), [Former({VIP: 0, ALL: 5}), Former({VIP: 9, ALL: 5})], DEFAULT)

    def test_a_new_item_that_is_empty_goes_beside_others(self):
        assert not brakes(counts(VIP=0, Everybody=5), sent(5, key=ALL), DEFAULT)

    def test_an_export_that_runs_also_with_nothing_to_send_is_not_held_for_it(self):
        bounds = Bounds(tolerance=50, most_removals=10, sends_nothing=True)
        assert not brakes(counts(VIP=0), sent(9, 9, 9, 9), bounds)

    def test_what_nobody_has_counted_yet_is_not_nothing(self):
        assert not brakes(counts(VIP=None), sent(9, 9, 9, 9), DEFAULT)
        assert not brakes(counts(VIP=None, Everybody=0), [], DEFAULT)


class TestCounts:
    @pytest.mark.parametrize(
        ("before", "now", "is_held"),
        [
            ([100, 100], 1, False),
            ([100, 100, 100], 49, True),
            ([100, 100, 100], 50, False),
            ([100, 100, 100], 150, False),
            ([100, 100, 100], 151, True),
            ([0, 0, 0], 7, True),
            ([100, 100, 100, 1, 1, 1, 1], 100, True),
            ([1] * 10 + [100] * 30, 1, False),
        ],
    )
    def test_from_the_fourth_run_on_a_count_has_to_be_near_the_usual(self, before, now, is_held):
        assert bool(brakes(counts(VIP=now), sent(*before), DEFAULT)) is is_held

    def test_the_numbers_are_in_the_words(self):
        (brake,) = brakes(counts(VIP=310), sent(12_040, 12_040, 12_040), DEFAULT)
        want = "“VIP”: 12,040 → 310 (−97 %) compared with the last 3 runs, more than the allowed ±50 %"
        assert (brake.brake, brake.text) == ("count", want)
        assert brake.short == "12,040 → 310 (−97 %)"

    def test_a_percent_just_over_the_tolerance_is_not_rounded_into_it(self):
        assert change(1000, 496, than=50) == "1,000 → 496 (−50.4 %)"
        assert change(1000, 2500) == "1,000 → 2,500 (+150 %)"
        assert change(0, 3) == "0 → 3"

    def test_each_item_is_compared_with_itself(self):
        formers = [Former({VIP: 10, ALL: 10_000})] * 3
        (brake,) = brakes(counts(VIP=20, Everybody=10_000), formers, DEFAULT)
        assert "“VIP”: 10 → 20 (+100 %)" in brake.text
        assert brake.short == "“VIP”: 10 → 20 (+100 %)"

    def test_an_item_that_is_new_or_defined_anew_is_not_compared(self):
        assert not brakes(counts(VIP=5), sent(100, 100, 100, key=("segment", 1, True)), DEFAULT)
        assert not brakes(counts(VIP=5), sent(100, 100, 100, key=ALL), DEFAULT)

    def test_what_a_person_let_go_is_usual_from_then_on_and_what_was_usual_stays_so(self):
        formers = [Former({VIP: 310}, is_released=True), *sent(12_040, 12_040, 12_040)]
        assert not brakes(counts(VIP=320), formers, DEFAULT)
        assert not brakes(counts(VIP=12_000), formers, DEFAULT)
        assert kinds(brakes(counts(VIP=5_000), formers, DEFAULT)) == ["count"]

    def test_without_a_tolerance_any_count_goes(self):
        bounds = Bounds(tolerance=None, most_removals=10, sends_nothing=False)
        assert not brakes(counts(VIP=1), sent(1000, 1000, 1000), bounds)

    def test_a_tolerance_of_none_at_all_holds_every_change(self):
        bounds = Bounds(tolerance=0, most_removals=10, sends_nothing=False)
        assert not brakes(counts(VIP=1000), sent(1000, 1000, 1000), bounds)
        assert "0.1 %" in brakes(counts(VIP=1001), sent(1000, 1000, 1000), bounds)[0].text

    def test_a_segment_that_was_too_small_for_the_target_counts_with_its_profiles(self):
        entry = {"kind": "segment", "id": 1, "rows": 0, "expected": 2, "left_out": True}
        assert former_run([entry]).rows == {VIP: 2}


class TestRemovals:
    def test_more_removals_than_allowed_hold_the_run(self):
        (brake,) = brakes(counts(VIP=4000), [], DEFAULT, Removals(820, 4100))
        assert brake.text == "820 of 4,100 profiles would be removed (20 %), more than the allowed 10 %"
        assert brake.brake == "removals"

    @pytest.mark.parametrize("removals", [None, Removals(410, 4100), Removals(0, 0)])
    def test_removals_within_the_limit_go(self, removals):
        assert not brakes(counts(VIP=4000), [], DEFAULT, removals)

    def test_without_a_limit_any_number_is_removed(self):
        bounds = Bounds(tolerance=50, most_removals=None, sends_nothing=False)
        assert not brakes(counts(VIP=1), [], bounds, Removals(4100, 4100))


def test_only_so_many_runs_count_as_recent():
    assert (module.RECENT, module.ENOUGH) == (10, 3)


# With real rows.


@pytest.fixture
def export(environment, segment):
    return make_export(environment, name="Call list", segments=[segment])


def run_to_end(export, **values) -> Run:
    run, _is_new = actions.run_now(export, by=None)
    Run.objects.filter(pk=run.pk).update(**values) if values else None
    work_until_idle()
    run.refresh_from_db()
    return run


def delivered_before(export, rows, times=3):
    """Give `export` runs that delivered `rows` rows of its segment."""
    segment = export.segments.get()
    entry = {"kind": "segment", "id": segment.pk, "name": segment.name, "rows": rows, "expected": rows}
    for _time in range(times):
        values = {"state": State.SUCCEEDED, "trigger": "schedule", "rows_done": rows, "items": [entry]}
        Run.objects.create(environment=export.environment, export=export, **values)


def files_at(export):
    root = folder_of(export.connection)
    return [path for path in root.rglob("*") if path.is_file()]


def sql(environment, statement):
    with writer() as conn:
        conn.execute(statement.format(customers=f'"{environment.warehouse_schema}"."Customers"'))


@pytest.mark.django_db(transaction=True)
class TestRuns:
    def test_a_run_that_is_far_off_is_held_before_anything_is_at_the_target(self, export):
        delivered_before(export, 100)
        run = run_to_end(export)
        export.refresh_from_db()
        assert (run.state, run.reason) == (State.HELD, "100 → 5 (−95 %)")
        assert str(run.message).endswith("Check the data, then send anyway or discard this run.")
        assert [one["brake"] for one in run.held_for] == ["count"]
        assert [step["state"] for step in run.steps] == ["done", "held", "waiting", "waiting"]
        assert (run.data_as_of is not None, run.ended_at, run.token) == (True, None, None)
        assert (export.last_run, export.last_state) == (run, State.HELD)
        assert not folder_of(export.connection).exists()

    def test_the_third_run_goes_whatever_it_sends(self, export):
        delivered_before(export, 100, times=2)
        assert run_to_end(export).state == State.SUCCEEDED

    def test_runs_that_delivered_nothing_and_tests_are_no_measure(self, export):
        delivered_before(export, 100)
        Run.objects.filter(pk=export.runs.earliest("pk").pk).update(most_rows=10)
        assert run_to_end(export).state == State.SUCCEEDED

    def test_a_run_that_a_person_let_go_passes_all_brakes(self, export):
        delivered_before(export, 100)
        run = run_to_end(export, is_released=True)
        assert (run.state, run.rows_done) == (State.SUCCEEDED, 5)

    def test_a_test_of_ten_is_never_held(self, export):
        delivered_before(export, 100)
        run = actions.send_test(export, by=None)
        work_until_idle()
        run.refresh_from_db()
        assert run.state == State.SUCCEEDED

    def test_a_segment_that_became_empty_is_held_unless_the_export_sends_nothing_too(self, environment, export):
        assert run_to_end(export).state == State.SUCCEEDED
        sql(environment, "DELETE FROM {customers}")
        run = run_to_end(export)
        assert (run.state, run.reason) == (State.HELD, "nothing to send")
        assert "“Everybody” is empty (5 rows in the last run)" in run.message
        Run.objects.filter(pk=run.pk).update(state=State.CANCELED)
        Export.objects.filter(pk=export.pk).update(sends_nothing=True)
        export.refresh_from_db()
        assert run_to_end(export).state == State.SUCCEEDED

    def test_a_count_that_is_old_holds_nothing_by_itself(self, export):
        """The segment's list says five; the count that was kept of it says none."""
        Export.objects.filter(pk=export.pk).update(refreshes_segments=False)
        Segment.objects.filter(exports=export).update(member_count=0)
        export.refresh_from_db()
        run = run_to_end(export)
        assert (run.state, run.rows_done, run.items[0]["expected"]) == (State.SUCCEEDED, 5, 5)
        assert str(out_of_json(run.steps[0]["note"])) == "5 rows in 1 file"

    def test_a_recount_corrects_the_total_as_well(self, export):
        """The count that was kept of the list is too high; what the run counted itself is too low."""
        delivered_before(export, 100)
        Export.objects.filter(pk=export.pk).update(refreshes_segments=False)
        Segment.objects.filter(exports=export).update(member_count=200)
        export.refresh_from_db()
        run = run_to_end(export)
        assert (run.state, run.items[0]["expected"], run.rows_total) == (State.HELD, 5, 5)

    def test_what_turns_out_while_reading_holds_the_run_before_anything_is_visible(self, environment, export):
        """The members were counted, then their rows went from the table."""
        delivered_before(export, 5)
        Export.objects.filter(pk=export.pk).update(refreshes_segments=False)
        export.refresh_from_db()
        sql(environment, "DELETE FROM {customers} WHERE \"CustomerId\" <> 'C1'")
        run = run_to_end(export)
        assert (run.state, run.reason) == (State.HELD, "5 → 1 (−80 %)")
        assert [step["state"] for step in run.steps] == ["done", "held", "waiting"]
        assert files_at(export) == []

    def test_one_of_two_items_that_is_off_holds_both(self, environment, table, segment):
        rich = make_segment(table, "Rich", [{"field": "Income", "operator": "at_least", "value": "4000"}])
        export = make_export(environment, segments=[segment, rich])
        assert run_to_end(export).state == State.SUCCEEDED
        sql(environment, 'UPDATE {customers} SET "Income" = 1')
        run = run_to_end(export)
        assert run.reason == "“Rich” became empty"
        assert files_at(export) != []  # those of the first run alone
        assert len(export.runs.get(pk=run.pk).files) == 0

    def test_an_empty_table_beside_a_full_one_goes_and_all_empty_is_held(self, environment, table):
        from exports.models import ExportTable

        empty = make_table(environment, "Nobody", "CustomerId,Text\n", profile_kind="")
        export = make_export(environment, "Lake", kind="data_out")
        ExportTable.objects.create(export=export, table=empty, position=0)
        held = run_to_end(export)
        assert (held.state, held.reason) == (State.HELD, "nothing to send")
        Run.objects.filter(pk=held.pk).update(state=State.CANCELED)
        ExportTable.objects.create(export=export, table=table, position=1)
        assert run_to_end(export).state == State.SUCCEEDED
