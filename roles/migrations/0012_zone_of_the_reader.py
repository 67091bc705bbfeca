from django.conf import settings
from django.db import migrations, models

import roles.zones


def keep_what_is_shown(apps, schema_editor):
    """Times were shown in the zone of the installation: so they are where no zone was chosen for new schedules."""
    environments = apps.get_model("roles", "Environment").objects.filter(time_zone="UTC")
    environments.update(time_zone=settings.TIME_ZONE)


class Migration(migrations.Migration):

    dependencies = [
        ('roles', '0011_language'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='time_zone',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AlterField(
            model_name='environment',
            name='time_zone',
            field=models.CharField(default=roles.zones.of_installation, help_text='The zone in which times are shown and new schedules start, such as Europe/Paris.', max_length=64),
        ),
        migrations.RunPython(keep_what_is_shown, migrations.RunPython.noop, elidable=True),
    ]
