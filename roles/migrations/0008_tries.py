
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('roles', '0007_maintenance'),
    ]

    operations = [
        migrations.CreateModel(
            name='Tries',
            fields=[
                ('key', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('free_at', models.DateTimeField(help_text='When the next one may be made.')),
                ('forgotten_at', models.DateTimeField(db_index=True)),
            ],
            options={'verbose_name': 'tries to log in', 'verbose_name_plural': 'tries to log in'},
        ),
    ]
