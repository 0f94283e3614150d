# ruff: noqa: RUF012
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("salaries", "0002_activations")]

    operations = [
        migrations.AddField("datasetrelease", "catalogue", models.TextField(null=True)),
        migrations.AddField("salaryroleaggregate", "overview", models.TextField(null=True)),
    ]
