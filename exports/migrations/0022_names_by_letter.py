"""The index that the list is sorted by: names without case and accents."""

from django.db import migrations, models

import roles.searching


class Migration(migrations.Migration):
    dependencies = [("exports", "0021_texts"), ("roles", "0014_folded")]

    operations = [
        migrations.RemoveIndex(model_name="export", name="export_list"),
        migrations.AddIndex(
            model_name="export",
            index=models.Index(models.F("environment"), roles.searching.Folded("name"), name="export_names"),
        ),
    ]
