"""What is said is kept as messages, whose words are made where they are read; older rows keep their sentences.

The columns of sentences stay, empty in new rows, each beside the one of messages that stands in its place.
"""

from django.db import migrations, models

EVERYONE = "What happened and what to do, for everyone."
FIELDS = {
    "alert": {"text": "", "closing_text": ""},
    "alertchannel": {"last_error": "Why the last delivery failed, for everyone."},
    "alertdelivery": {"error": ""},
    "refreshpart": {"message": EVERYONE},
    "refreshschedule": {"problem": "Why it was switched off by itself, for people."},
    "run": {
        "reason": "A few words behind the status.",
        "message": EVERYONE,
        "detail": "Technical detail, for administrators.",
        "waits_for": "Until this is empty no worker takes it.",
    },
    "runline": {"text": "", "detail": ""},
    "schedule": {"problem": "Why it was switched off by itself, for people."},
    "systemrefresh": {"reason": ""},
}
# What code asked of the words of a run until now.
CODES = [
    "UPDATE exports_run SET reason_code = 'paused' WHERE state = 'queued' AND reason = 'the environment is paused'",
    "UPDATE exports_run SET reason_code = 'no room'"
    " WHERE state = 'queued' AND reason LIKE 'waiting for other exports of “%'",
    "UPDATE exports_run SET reason_code = 'target'"
    " WHERE state IN ('failed', 'retrying') AND reason <> '' AND starts_with(message, reason)",
]


def kept(model: str) -> migrations.SeparateDatabaseAndState:
    """Leave the columns of sentences where they are; nothing is written to them any more."""
    changes = {
        action: ", ".join(f"ALTER COLUMN {name} {action}" for name in FIELDS[model])
        for action in ("SET DEFAULT ''", "DROP DEFAULT")
    }
    sql = [f"ALTER TABLE exports_{model} {change}" for change in changes.values()]
    return migrations.SeparateDatabaseAndState(
        database_operations=[migrations.RunSQL(*sql)],
        state_operations=[migrations.RemoveField(model, name) for name in FIELDS[model]],
    )


def added(model: str, name: str, help_text: str) -> migrations.AddField:
    """Put the column of messages beside one of sentences."""
    field = models.JSONField(blank=True, db_column=f"{name}_said", help_text=help_text, null=True)
    return migrations.AddField(model, name, field)


class Migration(migrations.Migration):

    dependencies = [
        ("exports", "0014_runs_have_units"),
    ]

    operations = [
        *map(kept, FIELDS),
        *(added(model, name, text) for model, fields in FIELDS.items() for name, text in fields.items()),
        migrations.AddField(
            model_name="run",
            name="reason_code",
            field=models.CharField(
                blank=True,
                choices=[
                    ("paused", "The environment is paused"),
                    ("no room", "Its connection takes no more runs now"),
                    ("target", "The target refused or could not be reached"),
                ],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.RunSQL(CODES, migrations.RunSQL.noop, elidable=True),
    ]
