"""Fields and choices are called and explained in shorter words; no column changes."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('exports', '0020_audiences'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='export',
            name='detached_sharing',
            field=models.CharField(blank=True, choices=[('nobody', 'Administrators only'), ('all', 'All contributors'), ('named', 'Named contributors')], help_text='Who could use the connection when the export was detached.', max_length=10),
        ),
        migrations.AlterField(
            model_name='export',
            name='detached_users',
            field=models.ManyToManyField(blank=True, help_text='The named contributors who could edit the export when it was detached.', related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='export',
            name='refreshes_segments',
            field=models.BooleanField(default=True, help_text="Refresh the export's segments before each run."),
        ),
        migrations.AlterField(
            model_name='export',
            name='sends_nothing',
            field=models.BooleanField(default=False, help_text='Run even if there is nothing to send.'),
        ),
        migrations.AlterField(
            model_name='run',
            name='decision',
            field=models.CharField(blank=True, help_text='Why a person released or discarded it.', max_length=500),
        ),
        migrations.AlterField(
            model_name='run',
            name='has_leftovers',
            field=models.BooleanField(default=False, help_text='Hidden files may remain in its folders.'),
        ),
        migrations.AlterField(
            model_name='run',
            name='is_late',
            field=models.BooleanField(default=False, help_text='Its time passed while Waybill was not running.'),
        ),
        migrations.AlterField(
            model_name='run',
            name='is_publishing',
            field=models.BooleanField(default=False, help_text='Files are getting their names; cannot be undone.'),
        ),
        migrations.AlterField(
            model_name='run',
            name='is_released',
            field=models.BooleanField(default=False, help_text='A person released it past the safety checks.'),
        ),
        migrations.AlterField(
            model_name='run',
            name='reason_code',
            field=models.CharField(blank=True, choices=[('paused', 'The environment is paused'), ('no room', 'Its connection has no free capacity'), ('silent', 'Its connection does not answer'), ('target', 'The destination refused or was unreachable')], db_default='', default='', max_length=10),
        ),
        migrations.AlterField(
            model_name='run',
            name='trigger',
            field=models.CharField(choices=[('person', 'Run manually'), ('saved', 'Save and run'), ('shell', 'Started on the command line'), ('test', 'Test of 10'), ('refresh', 'System refresh'), ('schedule', 'Own schedule')], max_length=10),
        ),
    ]
