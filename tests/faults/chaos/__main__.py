"""`python -m tests.faults.chaos --minutes 5`, which is `make chaos MINUTES=5`."""

import argparse
import logging
import os
import random
import sys
import tempfile

import django


def main() -> int:
    """Run one storm and print its table; the exit code is 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--exports", type=int, default=12)
    parser.add_argument("--every", type=float, default=2.5, help="seconds from one harm to the next, on average")
    parser.add_argument("--calm", type=float, default=20.0, help="seconds without harm at the start")
    chosen = parser.parse_args()
    print(f"Seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory() as directory:  # of this process; the portal has its own
        os.environ |= {"DJANGO_SETTINGS_MODULE": "config.settings", "WAYBILL_DATA_DIR": directory}
        django.setup()
        logging.getLogger("asyncssh").setLevel(logging.WARNING)  # each log-in is a line
        return _rage(chosen)


def _rage(chosen: argparse.Namespace) -> int:
    from tests.faults.chaos.storm import Storm  # what it imports needs Django

    with Storm(
        chosen.seed, chosen.minutes * 60, calm=chosen.calm, exports=chosen.exports, every=chosen.every,
        say=lambda text: print(text, flush=True),
    ) as storm:  # fmt: skip
        storm.rage()
        broken = storm.contradictions()
    print(f"\n{storm.table}\n\nBroken promises: {len(broken)}")
    print("\n".join(broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
