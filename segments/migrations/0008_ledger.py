"""Who is at which target: the ledger, a partition for each container (segments/warehouse/ledger.py)."""

from django.db import migrations

MAKE = """
CREATE TABLE waybill_work.ledger (
    container bigint NOT NULL, export bigint NOT NULL, segment bigint NOT NULL, record text NOT NULL,
    identity bytea NOT NULL, digest uuid NOT NULL, matching integer NOT NULL, standing smallint NOT NULL,
    handle text NOT NULL DEFAULT '', vendor_id text NOT NULL DEFAULT '', code text NOT NULL DEFAULT '',
    words text NOT NULL DEFAULT '', at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT standing_is_known CHECK (standing BETWEEN 0 AND 7)
) PARTITION BY LIST (container);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('segments', '0007_messages'),
    ]

    operations = [
        migrations.RunSQL(MAKE, 'DROP TABLE waybill_work.ledger'),
    ]
