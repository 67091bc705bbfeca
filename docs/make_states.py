"""Writes docs/states.md from the one state table: `python -m docs.make_states`."""

import os
from pathlib import Path

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from exports.models.states import NOT_STARTED, STATES, State

FIRST = (State.QUEUED, State.SKIPPED)  # an occurrence that is skipped never was in the queue
MEANINGS = {
    State.QUEUED: "Waits for a worker, a refresh, other exports of its connection, or the end of a pause.",
    State.RUNNING: "A worker holds its lease and sends.",
    State.SUCCEEDED: "Everything was sent.",
    State.WARNED: "Sent, but for what the run names.",
    State.RETRYING: "Failed in a way that may pass; its next attempt is planned.",
    State.FAILED: "Not retried: a person must change something, or no time was left for another attempt.",
    State.SKIPPED: "Nothing was sent, and rightly so: it says why.",
    State.HELD: "A safety check stopped it; a person releases or discards it. It lapses at the next occurrence.",
    State.CANCELED: "A person canceled or discarded it.",
}
PAGE = Path(__file__).with_name("states.md")
HEAD = """# The states of a run

Made from `exports/models/states.py` by `python -m docs.make_states`; a test compares the two. An export shows the state
of its last run; one without a run shows *{not_started}*. Words and icons on the screen come from the same table.

"""
TAIL = """
An arrow is what the code may do at most: every change is one conditional update in the database, which
`exports/runs/lifecycle.py` alone makes, and a run that has ended stays as it is. Back from *{running}* to *{queued}*
goes a run whose worker stopped or died: told to stop (SIGTERM), a worker gives its run back within six seconds, and
that claim does not count; one that died is noticed when its lease ends, and a run is given up after three such workers.
"""


def diagram() -> str:
    """Return the state table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", *(f"    [*] --> {state}" for state in FIRST)]
    lines += [f'    state "{STATES[state].look.label}" as {state}' for state in State]
    lines += [f"    {state} --> {after}" for state in State for after in State if after in STATES[state].follows]
    lines += [f"    {state} --> [*]" for state in State if STATES[state].is_final]
    return "\n".join(lines)


def table() -> str:
    """Return the state table as rows of Markdown."""
    lines = ["| state | shown as | what it means | goes on to |", "|---|---|---|---|"]
    for state in State:
        following = [str(STATES[after].look.label) for after in State if after in STATES[state].follows]
        words = (f"`{state}`", STATES[state].look.label, MEANINGS[state], ", ".join(following) or "the end")
        lines.append(f"| {' | '.join(map(str, words))} |")
    return "\n".join(lines)


def page() -> str:
    """Return the whole text of docs/states.md."""
    words = {"not_started": NOT_STARTED.label, "running": State.RUNNING.label, "queued": State.QUEUED.label}
    return HEAD.format(**words) + f"```mermaid\n{diagram()}\n```\n\n{table()}\n" + TAIL.format(**words)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
