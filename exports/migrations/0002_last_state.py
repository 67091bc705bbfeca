"""Keeps Export.last_state equal to the state of its last run, whoever writes either."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION waybill_export_last_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.last_state := coalesce((SELECT state FROM exports_run WHERE id = NEW.last_run_id), '');
    RETURN NEW;
END $$;
CREATE TRIGGER export_last_state BEFORE INSERT OR UPDATE ON exports_export
    FOR EACH ROW EXECUTE FUNCTION waybill_export_last_state();
CREATE FUNCTION waybill_run_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE exports_export SET last_state = NEW.state WHERE last_run_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER run_state AFTER UPDATE OF state ON exports_run
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION waybill_run_state();
"""
BACKWARD = """
DROP TRIGGER run_state ON exports_run;
DROP FUNCTION waybill_run_state();
DROP TRIGGER export_last_state ON exports_export;
DROP FUNCTION waybill_export_last_state();
"""


class Migration(migrations.Migration):
    dependencies = [("exports", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
