"""Messages of alerts are leased like runs and parts of system refreshes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("exports", "0012_composed_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="alertdelivery",
            name="lease_until",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="alertdelivery",
            name="token",
            field=models.UUIDField(null=True),
        ),
        migrations.AlterField(
            model_name="alertdelivery",
            name="tries",
            field=models.PositiveSmallIntegerField(default=0, help_text="Workers that took it, lost ones included."),
        ),
    ]
