import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('roles', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Waybill's own working tables (members of segments) lie here, beside the data.
        migrations.RunSQL('CREATE SCHEMA IF NOT EXISTS waybill_work', migrations.RunSQL.noop),
        migrations.CreateModel(
            name='Table',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=63)),
                ('profile_kind', models.CharField(blank=True, choices=[('customer', 'Customer'), ('account', 'Account'), ('contact', 'Contact')], max_length=8)),
                ('row_count', models.BigIntegerField(default=0)),
                ('refreshed_at', models.DateTimeField(help_text='When its data was last read in.', null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('environment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tables', to='roles.environment')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Segment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('description', models.TextField(blank=True, validators=[django.core.validators.MaxLengthValidator(1000)])),
                ('match', models.CharField(choices=[('all', 'All conditions'), ('any', 'Any condition')], default='all', max_length=3)),
                ('conditions', models.JSONField(blank=True, default=list)),
                ('status', models.CharField(choices=[('new', 'Not refreshed yet'), ('refreshing', 'Refreshing'), ('ready', 'Ready'), ('failed', 'Failed')], default='new', max_length=10)),
                ('member_count', models.BigIntegerField(null=True)),
                ('refreshed_at', models.DateTimeField(null=True)),
                ('refresh_started_at', models.DateTimeField(null=True)),
                ('error', models.TextField(blank=True, help_text='Why the last refresh failed, for everyone.')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('environment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='segments', to='roles.environment')),
                ('table', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='segments', to='segments.table')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Field',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=63)),
                ('position', models.PositiveSmallIntegerField()),
                ('pg_type', models.CharField(help_text="PostgreSQL's name of its type, such as text or date.", max_length=40)),
                ('is_key', models.BooleanField(default=False)),
                ('semantic_type', models.CharField(blank=True, choices=[('', 'Not stated'), ('person_id', 'Person or account id'), ('first_name', 'First name'), ('last_name', 'Last name'), ('full_name', 'Full name'), ('email', 'E-mail'), ('phone', 'Telephone'), ('birth_date', 'Date of birth'), ('street', 'Street address'), ('city', 'City'), ('state', 'State or province'), ('postal_code', 'Postal code'), ('country', 'Country'), ('company', 'Company name'), ('website', 'Website')], max_length=20)),
                ('table', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='fields', to='segments.table')),
            ],
            options={
                'ordering': ['position'],
            },
        ),
        migrations.AddConstraint(
            model_name='table',
            constraint=models.UniqueConstraint(fields=('environment', 'name'), name='table_name_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='segment',
            constraint=models.UniqueConstraint(fields=('environment', 'name'), name='segment_name_is_unique'),
        ),
        migrations.AddConstraint(
            model_name='field',
            constraint=models.UniqueConstraint(fields=('table', 'name'), name='field_name_is_unique'),
        ),
    ]
