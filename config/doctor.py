"""`manage.py doctor`: checks everything that Waybill needs, changes nothing, says what to do.

It starts no database and works without one. Its texts hold no secret, whatever an error says.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from roles.checks import CHECKS, Finding, State, warning, wrong

Named = tuple[str, Finding]
WIDTHS = {"state": 9, "name": 18}


def run_checks(*, as_json: bool, say: Callable[[str], None]) -> int:
    """Report what every check found; return 1 if anything is wrong, else 0."""
    return _report(list(_findings()), as_json=as_json, say=say)


def report_unreadable_settings(problem: str, *, as_json: bool, say: Callable[[str], None]) -> int:
    """Report that the settings cannot be read; return 1."""
    found = wrong(problem, "Then run the doctor again; it could not check anything else.")
    return _report([("settings", found)], as_json=as_json, say=say)


def _findings() -> Iterator[Named]:
    from config import checkups  # needs settings

    database = _tried(checkups.database)
    yield "database", database
    for name, check in [*checkups.OF_THE_DATABASE, *CHECKS]:
        is_asked = database.state != "wrong"
        yield name, _tried(check) if is_asked else warning("Not checked.", "The database must answer first.")
    for name, check in checkups.OF_THE_MACHINE:
        yield name, _tried(check)


def _tried(check: Callable[[], Finding]) -> Finding:
    """Return what `check` found; a check that fails is a finding too."""
    from django.db import Error

    try:
        return check()
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return wrong(
            f"{where}{error.strerror or type(error).__name__}.", "Run the doctor as the account that runs Waybill."
        )
    except Error as error:  # its text may quote what was asked
        return wrong(f"The database rejected the query ({type(error).__name__}).", "Run `manage.py migrate`.")


def _report(found: list[Named], *, as_json: bool, say: Callable[[str], None]) -> int:
    states = {finding.state for _name, finding in found}
    if as_json:
        say(json.dumps({"state": _worst(states), "checks": [_as_json(*each) for each in found]}, indent=2))
    else:
        say("\n".join(_line(*each) for each in found))
    return int("wrong" in states)


def _worst(states: set[State]) -> State:
    return max(states, key=("ok", "warning", "wrong").index)


def _as_json(name: str, finding: Finding) -> dict[str, Any]:
    return {"name": name, "state": finding.state, "text": finding.text, "advice": finding.advice}


def _line(name: str, finding: Finding) -> str:
    text = " ".join(f"{finding.text} {finding.advice}".split())
    return f"{finding.state:{WIDTHS['state']}}{name:{WIDTHS['name']}}{text}"
