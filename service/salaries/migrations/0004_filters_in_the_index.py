# ruff: noqa: RUF012
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("salaries", "0003_overview")]

    operations = [
        migrations.AddIndex(
            "salaryobservation",
            models.Index(fields=["release", "role", "state", "level", "work_model"], name="observation_role_filters"),
        ),
        migrations.RemoveIndex("salaryobservation", "observation_role_state"),
    ]
