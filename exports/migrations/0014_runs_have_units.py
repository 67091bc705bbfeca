from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('exports', '0013_messages_are_leased'),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='unit',
            field=models.CharField(max_length=7, null=True),
        ),
    ]
