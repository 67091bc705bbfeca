"""The audit log outlives people and environments, says from where, and can only grow.

The triggers fire in every session, also in one that replays replication (ENABLE ALWAYS). TRUNCATE passes only in a
database of tests: Django names those test_…, and pytest-django empties them between tests that commit.
"""

from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

REMEMBER_ENVIRONMENTS = """
UPDATE roles_auditevent SET environment_slug = e.slug, environment_name = e.name
FROM roles_environment e WHERE e.id = environment_id
"""
APPEND_ONLY = """
CREATE FUNCTION waybill_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND starts_with(current_database(), 'test_') THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'The audit log is append-only: % of roles_auditevent is refused.', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'docs/audit.md says how long events are kept, and why.';
END $$;
CREATE TRIGGER audit_rows_stay BEFORE UPDATE OR DELETE ON roles_auditevent
    FOR EACH ROW EXECUTE FUNCTION waybill_audit_is_append_only();
CREATE TRIGGER audit_table_stays BEFORE TRUNCATE ON roles_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION waybill_audit_is_append_only();
ALTER TABLE roles_auditevent ENABLE ALWAYS TRIGGER audit_rows_stay;
ALTER TABLE roles_auditevent ENABLE ALWAYS TRIGGER audit_table_stays;
"""
AS_BEFORE = """
DROP TRIGGER audit_table_stays ON roles_auditevent;
DROP TRIGGER audit_rows_stay ON roles_auditevent;
DROP FUNCTION waybill_audit_is_append_only();
"""


def index(name, *fields, **more):
    return migrations.AddIndex("auditevent", models.Index(fields=fields, name=name, **more))


def text(name, length, help_text=""):
    return migrations.AddField(
        "auditevent", name, models.CharField(blank=True, max_length=length, help_text=help_text, default=""),
        preserve_default=False,
    )


class Migration(migrations.Migration):
    dependencies = [("roles", "0004_people")]
    operations = [
        migrations.RemoveIndex("auditevent", "audit_by_environment"),
        migrations.AlterField(
            "auditevent",
            "environment",
            models.ForeignKey(
                "roles.environment", models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False,
                related_name="audit_events",
            ),
        ),
        migrations.AlterField(
            "auditevent",
            "actor",
            models.ForeignKey(
                settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False
            ),
        ),
        migrations.AlterField("auditevent", "actor_name", models.CharField(blank=True, max_length=301)),
        migrations.AlterField("auditevent", "at", models.DateTimeField(db_default=Now())),
        text("environment_slug", 40),
        text("environment_name", 80),
        text("through", 60, "What the actor went through, if not a page."),
        text("origin", 160, "An address of the network, “command line”, or worker@host."),
        text("request_id", 32),
        migrations.AddField(
            "auditevent", "run", models.UUIDField(null=True, blank=True, help_text="The run that it is about.")
        ),
        migrations.RunSQL(REMEMBER_ENVIRONMENTS, migrations.RunSQL.noop),
        index("audit_newest", "environment", "-at", "-id"),
        index("audit_by_actor", "environment", "actor", "-at", "-id"),
        index("audit_by_action", "environment", "action", "-at", "-id"),
        index("audit_by_type", "environment", "object_type", "-at", "-id"),
        index("audit_by_object", "environment", "object_type", "object_id", "-at", "-id"),
        index("audit_by_run", "run", condition=models.Q(run__isnull=False)),
        migrations.RunSQL(APPEND_ONLY, AS_BEFORE),
    ]
