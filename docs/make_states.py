"""Writes docs/states.md from the one state table: `python -m docs.make_states`."""

from pathlib import Path

from django.conf import settings

from exports.states import NOT_STARTED, STATES, State

PAGE = Path(__file__).with_name("states.md")
HEAD = """# The states of a run

Made from `exports/states.py` by `python -m docs.make_states`; a test compares the two. An export shows the state of
its last run; one without a run shows *{not_started}*. Words and icons on the screen come from the same table.

"""
TAIL = """
An arrow is what the code may do at most: every change is one conditional update in the database, and a run that has
ended stays as it is. Back from *{running}* to *{queued}* goes a run whose worker stopped or died.
"""


def diagram() -> str:
    """Return the state table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.QUEUED}"]
    lines += [f'    state "{STATES[state].look.label}" as {state}' for state in State]
    lines += [f"    {state} --> {after}" for state in State for after in State if after in STATES[state].follows]
    lines += [f"    {state} --> [*]" for state in State if STATES[state].is_final]
    return "\n".join(lines)


def page() -> str:
    """Return the whole text of docs/states.md."""
    words = {"not_started": NOT_STARTED.label, "running": State.RUNNING.label, "queued": State.QUEUED.label}
    return HEAD.format(**words) + f"```mermaid\n{diagram()}\n```\n" + TAIL.format(**words)


if __name__ == "__main__":
    settings.configure(USE_I18N=False)
    PAGE.write_text(page(), encoding="utf-8")
