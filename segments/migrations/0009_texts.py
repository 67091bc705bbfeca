"""Fields and choices are called and explained in shorter words; no column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('segments', '0008_ledger'),
    ]

    operations = [
        migrations.AlterField(
            model_name='field',
            name='date_format',
            field=models.CharField(blank=True, help_text='The format of its dates in files, if not ISO.', max_length=60),
        ),
        migrations.AlterField(
            model_name='field',
            name='is_settled',
            field=models.BooleanField(default=True, help_text='A file had a value in it, or an import named its type: the type stays.'),
        ),
        migrations.AlterField(
            model_name='field',
            name='is_shown',
            field=models.BooleanField(default=False, help_text='Whether viewers see its values; set by an administrator.'),
        ),
        migrations.AlterField(
            model_name='field',
            name='layout',
            field=models.CharField(blank=True, help_text='The format of its times, if PostgreSQL prints them differently.', max_length=20),
        ),
        migrations.AlterField(
            model_name='field',
            name='semantic_type',
            field=models.CharField(blank=True, choices=[('', 'Not stated'), ('person_id', 'Person or account id'), ('first_name', 'First name'), ('last_name', 'Last name'), ('full_name', 'Full name'), ('email', 'E-mail'), ('phone', 'Phone'), ('birth_date', 'Date of birth'), ('street', 'Street address'), ('city', 'City'), ('state', 'State or province'), ('postal_code', 'Postal code'), ('country', 'Country'), ('company', 'Company name'), ('website', 'Website')], max_length=20),
        ),
        migrations.AlterField(
            model_name='segment',
            name='error_code',
            field=models.CharField(blank=True, choices=[('stuck', 'It did not finish')], db_default='', default='', max_length=10),
        ),
        migrations.AlterField(
            model_name='table',
            name='refreshed_at',
            field=models.DateTimeField(help_text='When its data was last loaded.', null=True),
        ),
    ]
