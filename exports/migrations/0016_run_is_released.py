from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('exports', '0015_messages'),
    ]

    operations = [
        migrations.RenameField(model_name='run', old_name='is_let_go', new_name='is_released'),
    ]
