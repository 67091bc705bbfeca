"""Fields and choices are called and explained in shorter words; no column changes."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('connections', '0007_unanswered_since'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='connection',
            name='shared_with',
            field=models.ManyToManyField(blank=True, help_text='The named contributors, if sharing is “named”.', related_name='+', to=settings.AUTH_USER_MODEL),
        ),
    ]
