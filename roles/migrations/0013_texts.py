"""Fields and choices are called and explained in shorter words; no column changes."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('roles', '0012_zone_of_the_reader'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='tries',
            options={'verbose_name': 'login attempts', 'verbose_name_plural': 'login attempts'},
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='origin',
            field=models.CharField(blank=True, help_text='A network address, “command line”, or worker@host.', max_length=160),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='run',
            field=models.UUIDField(blank=True, help_text='The run concerned.', null=True),
        ),
        migrations.AlterField(
            model_name='auditevent',
            name='through',
            field=models.CharField(blank=True, help_text='How the actor came in, if not through a page.', max_length=60),
        ),
        migrations.AlterField(
            model_name='environment',
            name='language',
            field=models.CharField(blank=True, db_default='', default='', help_text="Empty: each browser's language.", max_length=20),
        ),
        migrations.AlterField(
            model_name='environment',
            name='slug',
            field=models.SlugField(max_length=40, unique=True, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9-]*\\Z', 'Lowercase letters, digits and hyphens only.')]),
        ),
        migrations.AlterField(
            model_name='roleassignment',
            name='group',
            field=models.CharField(blank=True, help_text='The group that gave the role; empty if it was assigned to the person.', max_length=200),
        ),
        migrations.AlterField(
            model_name='tries',
            name='free_at',
            field=models.DateTimeField(help_text='When the next one is allowed.'),
        ),
    ]
