"""`python -m bench.cancel`: how long it takes from *Cancel job* to a canceled run, inside a slow upload."""

import json
import tempfile
from pathlib import Path

from bench.run import median
from tests.faults.chaos import line, load
from tests.faults.chaos.clicker import Clicker
from tests.faults.chaos.house import House
from tests.until import until

TIMES = 10
SECONDS = 120
BY_SFTP = "SELECT id FROM exports_export ORDER BY id OFFSET 1 LIMIT 1"
STATES = "SELECT count(*) FROM exports_run WHERE export_id = %s AND state = %s"
SENDING = "SELECT count(*) FROM exports_run WHERE export_id = %s AND state = 'running' AND has_leftovers"
# From the click, as the database has it, to the end that the worker wrote.
TOOK = """
SELECT extract(epoch FROM ended_at - cancel_requested_at)::float8 FROM exports_run
WHERE export_id = %s AND state = 'canceled' AND cancel_requested_at IS NOT NULL ORDER BY id
"""


def main() -> None:
    """Cancel a run again and again while it sends slowly; print one JSON object."""
    house = House(Path(tempfile.mkdtemp(prefix="waybill-cancel-")), machines=1)
    try:
        house.server.own()
        house.server.start()
        with line.running_line(house.target / "sftp") as server:
            where = {"LINE_PORT": str(server.port), "LINE_KEY": server.host_key, "ROWS": "20000", "EXPORTS": "2"}
            house.prepare(load.SEED, **where)
            house.open()
            print(json.dumps(_measure(house)))
    finally:
        house.close()


def _measure(house: House) -> dict[str, float]:
    with house.database() as connection:
        (export,) = connection.execute(BY_SFTP).fetchone()
        person = Clicker(house.port, [export], seed=1)

        def count(query: str, *words: object) -> int:
            house.watch()
            return connection.execute(query, [export, *words]).fetchone()[0]

        for number in range(TIMES):
            line.slow_down(SECONDS)
            until(lambda: person.try_to(person.run_exports, export), SECONDS, "a click")
            until(lambda: count(SENDING), SECONDS, "the middle of an upload")
            until(lambda: person.try_to(person.post, f"/e/chaos/exports/{export}/cancel"), SECONDS, "a click")
            until(lambda n=number: count(STATES, "canceled") > n, SECONDS, "a canceled run")
        took = [seconds for (seconds,) in connection.execute(TOOK, [export])]
    return {"cancel_s_median": round(median(took), 2), "cancel_s_max": round(max(took), 2), "times": len(took)}


if __name__ == "__main__":
    main()
